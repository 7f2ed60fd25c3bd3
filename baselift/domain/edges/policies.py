"""What a person may say about one edge, beside what the task's trigger says about all of them."""

DEFAULT = "default"
"""The task's base image trigger decides."""
REBUILD = "rebuild"
"""The base counts whatever its kind, as long as the trigger is on."""
IGNORE = "ignore"
"""The base never starts a run."""
POLICIES = (REBUILD, IGNORE, DEFAULT)
