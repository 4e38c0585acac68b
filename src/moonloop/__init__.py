"""Moonloop: an autonomous AI scientist that laboratories can trust."""

__all__ = ["__version__"]

__version__ = "0.1.0"
