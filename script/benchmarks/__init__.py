"""Benchmarks on real parts: each subject is measured beside its floor, alternating, in one run."""
