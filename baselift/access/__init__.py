"""Who may call: one check for every HTTP function, in one of three modes."""
