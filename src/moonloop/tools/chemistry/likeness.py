"""Likeness of molecules, and where a substructure sits in them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from moonloop.tools.chemistry.molecules import known_molecule, parse_smarts
from moonloop.tools.chemistry.toolkit import DATA_STRUCTS, FINGERPRINTS

__all__ = ["matches", "tanimoto"]

_BITS = 2048


def tanimoto(query: str, others: Sequence[str]) -> list[float]:
    """Return the Tanimoto similarity of each of `others` to `query`, from 0 to 1.

    Of Morgan fingerprints of radius 2 with 2,048 bits (Rogers and Hahn, J. Chem. Inf. Model. 50, 742, 2010).
    """
    bits = [_fingerprint(other) for other in others]
    return [float(one) for one in DATA_STRUCTS.BulkTanimotoSimilarity(_fingerprint(query), bits)]


def matches(smiles: str, smarts: str, most: int) -> tuple[tuple[int, ...], ...]:
    """Return up to `most` distinct matches: the places in the SMILES of the atoms that match, from 0."""
    found: Sequence[Sequence[int]] = known_molecule(smiles).GetSubstructMatches(
        parse_smarts(smarts), maxMatches=most
    )
    return tuple(tuple(match) for match in found)


@lru_cache(maxsize=1)
def _generator() -> Any:
    return FINGERPRINTS.GetMorganGenerator(radius=2, fpSize=_BITS)


@lru_cache(maxsize=32_768)
def _fingerprint(smiles: str) -> Any:
    return _generator().GetFingerprint(known_molecule(smiles))
