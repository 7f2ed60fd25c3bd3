"""Build contexts: git repositories and uploaded archives."""
