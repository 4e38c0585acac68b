"""The pool of a campaign, and the hash of its space: computed once in a process."""

from collections import OrderedDict

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import canonical_json, digest, seal
from moonloop.domain.space import Space
from moonloop.tools.spaces.atlas import Atlas, Pool

__all__ = ["pool_for", "space_sha256"]

_KEPT = 4
"""Pools that a process keeps; each may hold some tens of megabytes."""

_atlases: OrderedDict[str, Atlas] = OrderedDict()
_digests: OrderedDict[int, tuple[Space, str]] = OrderedDict()


def space_sha256(space: Space) -> str:
    """Return the SHA-256 of the canonical JSON of a space."""
    known = _digests.get(id(space))
    if known is None or known[0] is not space:
        # The value is kept beside its id, so that the id cannot come to mean another one.
        known = (space, seal(space).sha256)
        _digests[id(space)] = known
        while len(_digests) > _KEPT:
            _digests.popitem(last=False)
    return known[1]


def pool_for(spec: CampaignSpec) -> Pool:
    """Return the pool of a campaign's space, built once per process.

    The whole space up to `design.pool_limit`, otherwise a random subset of that size, by `design.seed`.

    Raises:
        SpaceImpossible: when a structure or a constraint cannot be read, or nothing is left.
    """
    constraints = [constraint.model_dump(mode="json") for constraint in spec.constraints]
    rules = [space_sha256(spec.space), constraints, spec.design.pool_limit]
    whole, part = digest(canonical_json(rules)), digest(canonical_json([*rules, spec.design.seed]))
    for key in (whole, part):
        if key in _atlases:
            _atlases.move_to_end(key)
            return _atlases[key].pool
    atlas = Atlas(spec.space, spec.constraints, spec.design.pool_limit, spec.design.seed)
    # A pool that is the whole space is the same for every seed.
    _atlases[whole if atlas.pool.complete else part] = atlas
    while len(_atlases) > _KEPT:
        _atlases.popitem(last=False)
    return atlas.pool
