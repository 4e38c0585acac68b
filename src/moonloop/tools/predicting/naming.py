"""Candidates as people and models name them, found in the space."""

from collections.abc import Mapping

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import InvalidInput, SpaceImpossible
from moonloop.domain.space import Candidate, CandidateTable, CategoricalFactor, Factor, RGroupSpace
from moonloop.domain.values import Scalar
from moonloop.tools.asking.arguments import Asked
from moonloop.tools.chemistry import canonical_smiles
from moonloop.tools.spaces import Pool, setting_key
from moonloop.tools.spaces.grid import Grid
from moonloop.tools.spaces.library import Library, Setting

__all__ = ["found_in"]


def found_in(spec: CampaignSpec, pool: Pool, asked: Asked) -> Candidate:
    """Return the candidate that is meant.

    Raises:
        InvalidInput: with what to change, where none is.
    """
    if asked.smiles:
        return _by_structure(pool, asked.smiles)
    levels = {one.factor: one.level for one in asked.settings}
    if len(levels) != len(asked.settings):
        raise InvalidInput(where="settings", why="a factor is given twice")
    if not levels:
        raise InvalidInput(where="candidates", why="give smiles, or a level for every factor")
    source = pool.atlas.source
    return (
        _molecule(spec, source, levels)
        if isinstance(source, Library)
        else _setting(spec, pool, source, levels)
    )


def _by_structure(pool: Pool, smiles: str) -> Candidate:
    canonical = canonical_smiles(smiles)
    if canonical in pool.index:
        return pool.candidates[pool.index[canonical]]
    for candidate in pool.candidates:
        if candidate.smiles == canonical:
            return candidate
    where = (
        "is not in the space of the campaign"
        if pool.complete
        else "was not found in the part of it that is listed"
    )
    raise InvalidInput(where="smiles", why=f"{canonical} {where}; name it by its settings, or name another")


def _molecule(spec: CampaignSpec, library: Library, levels: Mapping[str, str]) -> Candidate:
    space = spec.space
    assert isinstance(space, RGroupSpace)
    scaffolds = [scaffold.name for scaffold in space.scaffolds]
    if levels.get("scaffold") not in scaffolds:
        raise InvalidInput(where="settings.scaffold", why=f"it must be one of {', '.join(scaffolds)}")
    number = scaffolds.index(levels["scaffold"])
    positions = space.scaffolds[number].positions
    if unknown := sorted(set(levels) - {"scaffold", *positions}):
        why = f"{', '.join(unknown)} is no position of {scaffolds[number]}: {', '.join(positions)}"
        raise InvalidInput(where="settings", why=why)
    others = [group.name for group in space.substituents if group.name != space.unsubstituted]
    groups = [space.unsubstituted, *others]
    named = [levels.get(position, space.unsubstituted) for position in positions]
    if unknown := sorted(set(named) - set(groups)):
        raise InvalidInput(where="settings", why=f"{', '.join(unknown)} is none of {', '.join(groups)}")
    setting = Setting(number, tuple(groups.index(name) for name in named))
    if setting.substituted > space.max_substituted:
        raise InvalidInput(
            where="settings", why=f"at most {space.max_substituted} positions may be substituted"
        )
    return library.candidate(setting)


def _setting(spec: CampaignSpec, pool: Pool, grid: Grid, levels: Mapping[str, str]) -> Candidate:
    names = [factor.name for factor in grid.factors]
    if set(levels) != set(names):
        raise InvalidInput(where="settings", why=f"give one level for each of {', '.join(names)}")
    settings = {factor.name: _level(factor, levels[factor.name]) for factor in grid.factors}
    key = setting_key(settings)
    if key in pool.index:
        return pool.candidates[pool.index[key]]
    if pool.complete or isinstance(spec.space, CandidateTable):
        raise InvalidInput(
            where="settings", why=f"{key} is not in the space: it is excluded, or no row of the table"
        )
    candidate = Candidate(key=key, settings=settings)
    try:
        grid.numbers([candidate])
    except SpaceImpossible as error:
        raise InvalidInput(where="settings", why=str(error.why)) from error
    return candidate


def _level(factor: Factor, given: str) -> Scalar:
    if isinstance(factor, CategoricalFactor):
        known: Mapping[str, Scalar] = {level: level for level in factor.levels}
    else:
        known = {f"{level:.12g}": level for level in factor.levels}
        given = _as_number(given)
    if given not in known:
        listed = ", ".join(list(known)[:20]) + (", ..." if len(known) > 20 else "")
        raise InvalidInput(where=f"settings.{factor.name}", why=f"{given!r} is no level of it: {listed}")
    return known[given]


def _as_number(given: str) -> str:
    try:
        return f"{float(given):.12g}"
    except ValueError:
        return given
