"""One client for every OCI registry."""
