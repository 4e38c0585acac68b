"""The bench: the agents' tools with every policy applied in one place, each use in a process of its own."""
