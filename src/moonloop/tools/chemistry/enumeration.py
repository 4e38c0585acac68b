"""Enumeration: substituents on a scaffold, in every combination."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from moonloop.domain.errors import InvalidInput
from moonloop.tools.chemistry.assembly import assemble, check_scaffold, check_substituent
from moonloop.tools.chemistry.molecules import parse_smiles

__all__ = ["Enumeration", "enumerate_molecules"]

_TRIED = 2_000
"""Combinations that are put together at most; symmetric ones come out as the same molecule."""
_POSITIONS = 6


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Distinct molecules by canonical SMILES."""

    molecules: tuple[str, ...]
    combinations: int
    """How many combinations there are, symmetric ones among them."""
    tried: int
    """How many of them were put together."""


def enumerate_molecules(scaffold: str, substituents: Sequence[str], limit: int) -> Enumeration:
    """Return up to `limit` distinct molecules of a scaffold with a substituent at each of its positions.

    Raises:
        InvalidInput: when the scaffold or a substituent is none.
    """
    check_scaffold(scaffold)
    for substituent in substituents:
        check_substituent(substituent)
    locants = _locants(scaffold)
    made: dict[str, None] = {}
    tried = 0
    for molecule in islice(_assembled(scaffold, locants, substituents), _TRIED):
        tried += 1
        made.setdefault(molecule)
        if len(made) >= limit:
            break
    return Enumeration(tuple(made), len(substituents) ** len(locants), tried)


def _locants(scaffold: str) -> list[str]:
    atoms = parse_smiles(scaffold, attachments=True).GetAtoms()
    found = sorted(atom.GetAtomMapNum() for atom in atoms if atom.GetAtomicNum() == 0)
    if not found:
        raise InvalidInput(where="scaffold", why=f"{scaffold!r} has no attachment point [*:1]")
    if len(set(found)) != len(found) or len(found) > _POSITIONS:
        why = f"{scaffold!r}: give each attachment point a number of its own, and {_POSITIONS} at most"
        raise InvalidInput(where="scaffold", why=why)
    return [str(locant) for locant in found]


def _assembled(scaffold: str, locants: list[str], substituents: Sequence[str]) -> Iterator[str]:
    for groups in product(substituents, repeat=len(locants)):
        yield assemble(scaffold, dict(zip(locants, groups, strict=True)))
