"""Every store obeys the same rules: Azurite and the one in memory run through one suite."""
