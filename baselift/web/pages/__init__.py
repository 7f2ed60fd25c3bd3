"""View models: pure functions from what the use cases return to what the templates print."""
