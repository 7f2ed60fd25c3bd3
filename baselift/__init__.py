"""Baselift: container images that follow their base images."""
