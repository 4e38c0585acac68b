"""Conformers: several starting structures, relaxed by the force field, each distinct one kept once."""

import hashlib
from typing import NamedTuple

import numpy as np

from moonloop.lab_adapters.xtb.molecules import Array, Molecule, distance_matrix

__all__ = ["Conformer", "conformers"]

_SAME = 0.02
"""Largest difference between two spectra taken as one structure, in squared charges per Angstrom."""


class Conformer(NamedTuple):
    """A distinct structure."""

    positions: Array
    """Atoms x 3, in Angstrom."""
    found: int
    """How many of the starting structures led to it."""


def conformers(mol: Molecule, count: int, seed: int, species: str) -> tuple[Conformer, ...]:
    """Return the distinct minima that `count` random starts lead to, by rising force-field energy.

    `mol` has explicit hydrogens; `seed` and `species` together decide the starts, so that the two
    species of a couple have independent ones.
    """
    kept: list[tuple[Array, Array, int]] = []
    numbers = mol.atomic_numbers.astype(np.float64)
    for structure in sorted(mol.relaxed(count, _start(seed, species)), key=lambda each: each.energy):
        spectrum = _spectrum(numbers, structure.positions)
        for place, (known, positions, found) in enumerate(kept):
            if np.abs(known - spectrum).max() < _SAME:
                kept[place] = (known, positions, found + 1)
                break
        else:
            kept.append((spectrum, structure.positions, 1))
    return tuple(Conformer(positions, found) for _, positions, found in kept)


def _start(seed: int, species: str) -> int:
    # RDKit takes 31 bits; the job's seed has up to 53.
    return int.from_bytes(hashlib.sha256(f"{seed}/{species}".encode()).digest()[:4], "big") >> 1


def _spectrum(numbers: Array, positions: Array) -> Array:
    """Return the eigenvalues of the Coulomb matrix, blind to rotation, reflection and the order of atoms.

    Rupp et al., Phys. Rev. Lett. 108 (2012) 058301.
    """
    distances = distance_matrix(positions)
    np.fill_diagonal(distances, 1.0)
    matrix = np.outer(numbers, numbers) / distances
    np.fill_diagonal(matrix, 0.5 * numbers**2.4)
    return np.linalg.eigvalsh(matrix).astype(np.float64)
