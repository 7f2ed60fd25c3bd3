"""The in-memory store: Azure's rules without Azure, for simulations and state machines."""

from baselift.memory.store import MemoryStore

__all__ = ["MemoryStore"]
