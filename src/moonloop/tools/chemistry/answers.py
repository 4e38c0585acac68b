"""What the chemistry tools answer."""

from collections.abc import Mapping
from statistics import fmean

from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.domain.ids import MeasurementId
from moonloop.domain.values import Value
from moonloop.tools.asking.arguments import Describe, Draw, Enumerate, Similarity, Substructure
from moonloop.tools.asking.offer import Snapshot
from moonloop.tools.chemistry.accessibility import synthetic_accessibility
from moonloop.tools.chemistry.descriptors import descriptor
from moonloop.tools.chemistry.enumeration import enumerate_molecules
from moonloop.tools.chemistry.likeness import matches, tanimoto
from moonloop.tools.chemistry.molecules import canonical_smiles, parse_smarts, parse_smiles
from moonloop.tools.chemistry.toolkit import MOL_DESCRIPTORS, Molecule

__all__ = ["describe", "draw", "enumerated", "similarity", "substructure"]

_NAMED = ("molecular_weight", "log_p", "tpsa", "esol_log_s", "h_bond_donors", "h_bond_acceptors")
_COUNTED = {
    "rings": MOL_DESCRIPTORS.CalcNumRings,
    "aromatic_rings": MOL_DESCRIPTORS.CalcNumAromaticRings,
    "rotatable_bonds": MOL_DESCRIPTORS.CalcNumRotatableBonds,
}
_MATCHES = 20
_LISTED = 40
"""Candidates of the campaign that a substructure search lists; all are counted."""


class Described(Value):
    """One molecule."""

    smiles: str
    valid: bool
    why: str | None = None
    """Of an invalid one."""
    canonical: str | None = None
    formula: str | None = None
    descriptors: Mapping[str, float] | None = None
    synthetic_accessibility: float | None = None


class Descriptions(Value):
    """The molecules that were asked for, in their order."""

    molecules: tuple[Described, ...]


class Similar(Value):
    """One molecule and how similar it is."""

    smiles: str
    tanimoto: float
    value: float | None = None
    """Mean measured value, where it was measured."""
    measurement_id: MeasurementId | None = None


class Similarities(Value):
    """The most similar, best first."""

    compared: int
    molecules: tuple[Similar, ...]


class Match(Value):
    """Where the substructure sits in one molecule."""

    smiles: str
    count: int
    atoms: tuple[tuple[int, ...], ...] | None = None
    """Places of the atoms of each match in the SMILES, from 0; absent where candidates are only counted."""


class Matches(Value):
    """What was found."""

    searched: int
    matching: int
    molecules: tuple[Match, ...]


class Enumerated(Value):
    """Distinct molecules."""

    combinations: int
    molecules: tuple[str, ...]
    complete: bool
    """Whether every combination is among them."""


class Drawing(Value):
    """A drawing."""

    svg: str


def describe(asked: Describe, snapshot: Snapshot) -> Descriptions:  # noqa: ARG001 -- all tools are asked alike
    """Describe molecules; an invalid one is an answer, not an error."""
    return Descriptions(molecules=tuple(_described(smiles) for smiles in asked.smiles))


def _described(smiles: str) -> Described:
    try:
        molecule = parse_smiles(smiles)
    except InvalidInput as error:
        return Described(smiles=smiles, valid=False, why=str(error.why))
    return Described(
        smiles=smiles,
        valid=True,
        canonical=canonical_smiles(smiles),
        formula=str(MOL_DESCRIPTORS.CalcMolFormula(molecule)),
        descriptors=_descriptors(molecule),
        synthetic_accessibility=round(synthetic_accessibility(molecule), 2),
    )


def _descriptors(molecule: Molecule) -> dict[str, float]:
    named = {name: round(descriptor(name, molecule), 3) for name in _NAMED}
    return named | {name: float(count(molecule)) for name, count in _COUNTED.items()}


def similarity(asked: Similarity, snapshot: Snapshot) -> Similarities:
    """Rank molecules by similarity."""
    known = _measured(snapshot)
    among = [canonical_smiles(smiles) for smiles in asked.among] or _candidates(snapshot)
    scored = sorted(
        zip(tanimoto(canonical_smiles(asked.query), among), among, strict=True), key=lambda one: -one[0]
    )
    found = [_similar(smiles, score, known) for score, smiles in scored[: asked.limit]]
    return Similarities(compared=len(among), molecules=tuple(found))


def _similar(smiles: str, score: float, known: Mapping[str, list[tuple[float, str]]]) -> Similar:
    measured = known.get(smiles)
    return Similar(
        smiles=smiles,
        tanimoto=round(score, 3),
        value=round(fmean(value for value, _ in measured), 6) if measured else None,
        measurement_id=measured[0][1] if measured else None,
    )


def substructure(asked: Substructure, snapshot: Snapshot) -> Matches:
    """Find a substructure in the molecules that were given, or in the campaign's candidates."""
    parse_smarts(asked.smarts)
    if asked.smiles:
        found = [(smiles, matches(smiles, asked.smarts, _MATCHES)) for smiles in asked.smiles]
        listed = [Match(smiles=smiles, count=len(atoms), atoms=atoms) for smiles, atoms in found]
        hits = sum(1 for match in listed if match.count)
        return Matches(searched=len(found), matching=hits, molecules=tuple(listed))
    among = _candidates(snapshot)
    counts = [(smiles, len(matches(smiles, asked.smarts, _MATCHES))) for smiles in among]
    hit = [Match(smiles=smiles, count=count) for smiles, count in counts if count]
    return Matches(searched=len(among), matching=len(hit), molecules=tuple(hit[:_LISTED]))


def enumerated(asked: Enumerate, snapshot: Snapshot) -> Enumerated:  # noqa: ARG001 -- as above
    """Put substituents on a scaffold."""
    found = enumerate_molecules(asked.scaffold, asked.substituents, asked.limit)
    return Enumerated(
        combinations=found.combinations,
        molecules=found.molecules,
        complete=found.tried == found.combinations,
    )


def draw(asked: Draw, snapshot: Snapshot) -> Drawing:  # noqa: ARG001 -- as above
    """Draw a molecule."""
    from moonloop.tools.drawing import structure_svg  # noqa: PLC0415 -- few ask for a drawing

    return Drawing(svg=structure_svg(asked.smiles))


def _candidates(snapshot: Snapshot) -> list[str]:
    """Return the structures of the campaign's candidates: the whole pool, and what was run besides."""
    from moonloop.tools.spaces import pool_for  # noqa: PLC0415 -- it imports chemistry itself

    if snapshot.spec is None:
        raise ToolRefused(tool="chemistry", why="no campaign is open here: give the molecules themselves")
    listed = [one.smiles for one in pool_for(snapshot.spec).candidates if one.smiles is not None]
    run = [seen.candidate.smiles for seen in snapshot.history.observations] if snapshot.history else []
    found = list(dict.fromkeys([*listed, *(smiles for smiles in run if smiles is not None)]))
    if not found:
        why = "the campaign's candidates are settings, not molecules: give the molecules themselves"
        raise ToolRefused(tool="chemistry", why=why)
    return found


def _measured(snapshot: Snapshot) -> dict[str, list[tuple[float, str]]]:
    values: dict[str, list[tuple[float, str]]] = {}
    for seen in snapshot.history.observations if snapshot.history else ():
        if seen.candidate.smiles and seen.value is not None and seen.measurement_id is not None:
            values.setdefault(seen.candidate.smiles, []).append((seen.value, seen.measurement_id))
    return values
