"""Waves: everything that one movement of base images causes. Graph, plan, states, limits; no I/O."""
