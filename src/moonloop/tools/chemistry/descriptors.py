"""Computed properties of molecules."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moonloop.domain.errors import InvalidInput
from moonloop.tools.arrays import FloatArray
from moonloop.tools.chemistry.molecules import known_molecule
from moonloop.tools.chemistry.toolkit import (
    CRIPPEN,
    DESCRIPTORS,
    ESTATE,
    FINGERPRINTS,
    MOL_DESCRIPTORS,
    PARTIAL_CHARGES,
    Molecule,
)

__all__ = ["DESCRIPTOR_NAMES", "descriptor", "descriptor_vector", "environment_counts", "esol_log_s"]


def esol_log_s(molecule: Molecule) -> float:
    """Return log10 of the aqueous solubility in mol/L by ESOL.

    `log S = 0.16 - 0.63 cLogP - 0.0062 MW + 0.066 RB - 0.74 AP` with the heavy-atom share AP in aromatic
    rings (J. S. Delaney, J. Chem. Inf. Comput. Sci. 44, 1000-1005, 2004), with Crippen's log P and
    RDKit's strict count of rotatable bonds in place of the originals. Mean error about 0.7 to 1 log units.
    """
    heavy = molecule.GetNumHeavyAtoms()
    aromatic = sum(1 for atom in molecule.GetAtoms() if atom.GetIsAromatic())
    return float(
        0.16
        - 0.63 * CRIPPEN.MolLogP(molecule)
        - 0.0062 * DESCRIPTORS.MolWt(molecule)
        + 0.066 * MOL_DESCRIPTORS.CalcNumRotatableBonds(molecule)
        - 0.74 * (aromatic / heavy if heavy else 0.0)
    )


_NAMED: dict[str, Callable[[Molecule], Any]] = {
    "esol_log_s": esol_log_s,
    "log_p": CRIPPEN.MolLogP,
    "molecular_weight": DESCRIPTORS.MolWt,
    "tpsa": MOL_DESCRIPTORS.CalcTPSA,
    "h_bond_donors": MOL_DESCRIPTORS.CalcNumHBD,
    "h_bond_acceptors": MOL_DESCRIPTORS.CalcNumHBA,
}


def descriptor(name: str, molecule: Molecule) -> float:
    """Return a descriptor by the name that goal constraints use; `InvalidInput` for an unknown name."""
    if name not in _NAMED:
        raise InvalidInput(where="descriptor", why=f"{name} is none of {', '.join(_NAMED)}")
    return float(_NAMED[name](molecule))


def _charges(molecule: Molecule) -> Sequence[float]:
    """Return the largest and the smallest partial charge (Gasteiger and Marsili, Tetrahedron 36, 1980)."""
    PARTIAL_CHARGES.ComputeGasteigerCharges(molecule)
    charges = [atom.GetDoubleProp("_GasteigerCharge") for atom in molecule.GetAtoms()]
    return max(charges), min(charges)


def _electrotopological(molecule: Molecule) -> Sequence[float]:
    """Return the largest and the smallest E-state index (Hall, Mohney and Kier, J. Chem. Inf. 31, 1991)."""
    indices = ESTATE.EStateIndices(molecule)
    return max(indices), min(indices)


_QUICK: dict[str, Callable[[Molecule], Any]] = {
    "MolWt": DESCRIPTORS.MolWt,
    "TPSA": MOL_DESCRIPTORS.CalcTPSA,
    "LabuteASA": MOL_DESCRIPTORS.CalcLabuteASA,
    "FractionCSP3": MOL_DESCRIPTORS.CalcFractionCSP3,
    "NumHDonors": MOL_DESCRIPTORS.CalcNumHBD,
    "NumHAcceptors": MOL_DESCRIPTORS.CalcNumHBA,
    "NumRotatableBonds": MOL_DESCRIPTORS.CalcNumRotatableBonds,
    "NumHeteroatoms": MOL_DESCRIPTORS.CalcNumHeteroatoms,
    "HeavyAtomCount": MOL_DESCRIPTORS.CalcNumHeavyAtoms,
    "RingCount": MOL_DESCRIPTORS.CalcNumRings,
    "NumAromaticRings": MOL_DESCRIPTORS.CalcNumAromaticRings,
    "Chi0v": MOL_DESCRIPTORS.CalcChi0v,
    "Chi1v": MOL_DESCRIPTORS.CalcChi1v,
    "Kappa1": MOL_DESCRIPTORS.CalcKappa1,
    "Kappa2": MOL_DESCRIPTORS.CalcKappa2,
    "Kappa3": MOL_DESCRIPTORS.CalcKappa3,
    "HallKierAlpha": MOL_DESCRIPTORS.CalcHallKierAlpha,
    "BalabanJ": DESCRIPTORS.BalabanJ,
}
_TOGETHER: tuple[tuple[tuple[str, ...], Callable[[Molecule], Sequence[float]]], ...] = (
    (("MolLogP", "MolMR"), MOL_DESCRIPTORS.CalcCrippenDescriptors),
    (("MaxPartialCharge", "MinPartialCharge"), _charges),
    (("MaxEStateIndex", "MinEStateIndex"), _electrotopological),
)

DESCRIPTOR_NAMES: tuple[str, ...] = (*_QUICK, *(name for names, _ in _TOGETHER for name in names))
"""RDKit's names of the descriptors that surrogates see: size, shape, polarity, charge; quick ones only."""


def descriptor_vector(smiles: str) -> FloatArray:
    """Return the values of `DESCRIPTOR_NAMES`, shape (d,); NaN where RDKit has none (metal ions' charges)."""
    molecule = known_molecule(smiles)
    values = [float(one(molecule)) for one in _QUICK.values()]
    values += [float(value) for _, several in _TOGETHER for value in several(molecule)]
    vector = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(vector), vector, np.nan)


@lru_cache(maxsize=8)
def _morgan(size: int) -> Any:
    return FINGERPRINTS.GetMorganGenerator(radius=2, fpSize=size)


def environment_counts(smiles: str, size: int = 512) -> FloatArray:
    """Return counts of the circular atom environments up to radius 2, hashed to shape (size,).

    Rogers and Hahn, J. Chem. Inf. Model. 50, 742-754 (2010).
    """
    counts = _morgan(size).GetCountFingerprintAsNumPy(known_molecule(smiles))
    return np.asarray(counts, dtype=np.float64)
