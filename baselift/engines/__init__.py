"""Engines: what turns a build order into an image."""
