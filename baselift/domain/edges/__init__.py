"""Edges between tasks and their bases: the rules by which they are judged, their policies and their states."""
