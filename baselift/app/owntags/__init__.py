"""A task's tags that have a run's id in their name: the newest stay, where people ask for that."""
