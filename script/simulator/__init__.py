"""Waves over a graph of images, on a clock of their own and the in-memory store, with faults."""
