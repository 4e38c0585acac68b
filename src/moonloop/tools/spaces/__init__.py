"""Spaces: from the space of a campaign to candidates, matched pairs and features."""

from moonloop.tools.spaces.atlas import Atlas, Pool
from moonloop.tools.spaces.features import Features
from moonloop.tools.spaces.grid import setting_key
from moonloop.tools.spaces.pool import pool_for, space_sha256
from moonloop.tools.spaces.source import Contrast, Pair
from moonloop.tools.spaces.summary import ClaimContexts, ConstraintCount, SpaceSummary, summarise

__all__ = [
    "Atlas",
    "ClaimContexts",
    "ConstraintCount",
    "Contrast",
    "Features",
    "Pair",
    "Pool",
    "SpaceSummary",
    "pool_for",
    "setting_key",
    "space_sha256",
    "summarise",
]
