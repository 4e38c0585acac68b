"""Roles: what each agent is told, the form of its answer, and what code makes of it."""

from moonloop.agents.roles.kit import KITS, Prompt, RoleKit, versions

__all__ = ["KITS", "Prompt", "RoleKit", "versions"]
