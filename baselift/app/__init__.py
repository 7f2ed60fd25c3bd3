"""Use cases, one verb a file: the only code that orders I/O."""
