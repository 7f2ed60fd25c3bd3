"""Pure rules and values. No I/O; time, ids and digests come in as arguments."""
