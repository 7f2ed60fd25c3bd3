"""Waves in tables: planned, carried out, repaired, shown."""
