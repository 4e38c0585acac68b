"""The typed door to RDKit: a molecule, what can be read off it, and the others that can be made from it."""

# RDKit's own stubs leave parameters, lists and base classes untyped; nothing of that gets past this file.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from rdkit import Chem, RDLogger
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from moonloop.lab_adapters.xtb.chemistry_errors import Unsuitable

__all__ = ["Array", "Molecule", "Relaxed", "distance_matrix"]

RDLogger.DisableLog("rdApp.*")  # pyright: ignore[reportAttributeAccessIssue]  # missing in the stubs

Array = npt.NDArray[np.float64]

_BONDED = 1.3
"""Two atoms count as bonded when nearer than this times the sum of their covalent radii."""


class Relaxed(NamedTuple):
    """A structure at a minimum of the force field."""

    energy: float
    """kcal/mol, MMFF94."""
    positions: Array
    """Atoms x 3, in Angstrom."""


@dataclass(frozen=True)
class Molecule:
    """A molecule by its structural formula; nothing changes it."""

    graph: Chem.Mol

    @classmethod
    def from_smiles(cls, smiles: str) -> Self:
        """Return the molecule that a SMILES writes; raise `Unsuitable` when it writes none, or several."""
        graph = Chem.MolFromSmiles(smiles)
        if graph is None:  # pyright: ignore[reportUnnecessaryComparison]  # the stubs do not know this answer
            raise Unsuitable(f"{smiles!r} is not a valid SMILES")
        if len(Chem.GetMolFrags(graph)) != 1:
            raise Unsuitable("a salt or mixture cannot be treated; give the quinone alone")
        if any(atom.GetNumRadicalElectrons() for atom in graph.GetAtoms()):
            raise Unsuitable("a radical cannot be treated")
        return cls(graph)

    @property
    def smiles(self) -> str:
        """The canonical SMILES, without explicit hydrogens."""
        return Chem.MolToSmiles(Chem.RemoveHs(self.graph))

    @property
    def charge(self) -> int:
        """Sum of the formal charges, in elementary charges."""
        return Chem.GetFormalCharge(self.graph)

    @property
    def atomic_numbers(self) -> npt.NDArray[np.int32]:
        """Atomic number of each atom."""
        return np.array([atom.GetAtomicNum() for atom in self.graph.GetAtoms()], dtype=np.int32)

    @property
    def hydrogens(self) -> int:
        """How many hydrogen atoms it has, written or implied."""
        return sum(atom.GetTotalNumHs(includeNeighbors=True) for atom in self.graph.GetAtoms())

    @property
    def rings(self) -> Sequence[tuple[int, ...]]:
        """The atoms of each smallest ring, in the order in which they are bonded."""
        return self.graph.GetRingInfo().AtomRings()

    @property
    def has_force_field(self) -> bool:
        """Whether MMFF94 has parameters for all atoms; needs explicit hydrogens."""
        return bool(rdForceFieldHelpers.MMFFHasAllMoleculeParams(self.graph))

    def matches(self, smarts: str) -> Sequence[Sequence[int]]:
        """Return the atom indices of every place that a SMARTS pattern fits."""
        return self.graph.GetSubstructMatches(Chem.MolFromSmarts(smarts))

    def is_aromatic(self, indices: Iterable[int]) -> bool:
        """Say whether all these atoms are aromatic."""
        return all(self.graph.GetAtomWithIdx(index).GetIsAromatic() for index in indices)

    def recharged(self, indices: Iterable[int], formal_charge: int) -> "Molecule":
        """Return it with that charge on these atoms, and the hydrogens that go with it."""
        edited = Chem.RWMol(self.graph)
        for index in indices:
            atom = edited.GetAtomWithIdx(index)
            atom.SetFormalCharge(formal_charge)
            atom.SetNoImplicit(False)
            atom.SetNumExplicitHs(0)
        return _sanitised(edited)

    def reduced(self, ring: Sequence[int], carbonyls: Iterable[tuple[int, int]]) -> "Molecule":
        """Return it with those C=O turned into C-OH and that ring into an aromatic one.

        Raise `Unsuitable` when the ring has no aromatic form.
        """
        edited = Chem.RWMol(self.graph)
        for carbon, oxygen in carbonyls:
            edited.GetBondBetweenAtoms(carbon, oxygen).SetBondType(Chem.BondType.SINGLE)
        for one, other in zip(ring, (*ring[1:], ring[0]), strict=True):
            edited.GetAtomWithIdx(one).SetIsAromatic(True)
            bond = edited.GetBondBetweenAtoms(one, other)
            bond.SetBondType(Chem.BondType.AROMATIC)
            bond.SetIsAromatic(True)
        return _sanitised(edited)

    def with_hydrogens(self) -> "Molecule":
        """Return it with every hydrogen an atom of its own."""
        return Molecule(Chem.AddHs(self.graph))

    def relaxed(self, count: int, seed: int) -> tuple[Relaxed, ...]:
        """Return `count` random structures, each relaxed by the force field; needs explicit hydrogens.

        `seed` runs from 0 to 2**31 - 1. ETKDGv3: Wang et al., J. Chem. Inf. Model. 60 (2020) 2044.
        MMFF94: Halgren, J. Comput. Chem. 17 (1996) 490.
        """
        placed = _embedded(self.graph, count, seed)
        outcome = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(placed, numThreads=1, maxIters=2000)
        return tuple(
            Relaxed(float(energy), np.array(conformer.GetPositions(), dtype=np.float64))
            for (_, energy), conformer in zip(outcome, placed.GetConformers(), strict=True)
        )

    def is_bonded_as_meant(self, positions: Array) -> bool:
        """Say whether the atoms that are near each other are exactly those that the formula bonds.

        Atoms x 3 positions in Angstrom; covalent radii as RDKit has them.
        """
        table = Chem.GetPeriodicTable()
        radii = np.array([table.GetRcovalent(int(number)) for number in self.atomic_numbers])
        near = distance_matrix(positions) < _BONDED * (radii[:, None] + radii[None])
        found = {(int(one), int(other)) for one, other in np.argwhere(np.triu(near, k=1))}
        ends = ((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in self.graph.GetBonds())
        return found == {(min(pair), max(pair)) for pair in ends}

    def sdf(self, positions: Array, title: str) -> str:
        """Return one entry of an SD file, ended by its `$$$$`."""
        placed = Chem.Mol(self.graph)
        placed.RemoveAllConformers()
        conformer = Chem.Conformer(self.graph.GetNumAtoms())
        conformer.SetPositions(positions)
        placed.AddConformer(conformer)
        placed.SetProp("_Name", title)
        return f"{Chem.MolToMolBlock(placed)}$$$$\n"

    def xyz(self, positions: Array, title: str) -> str:
        """Return an XYZ file, in Angstrom."""
        atoms = zip(self.graph.GetAtoms(), positions, strict=True)
        lines = [f"{atom.GetSymbol():2s} {x:12.6f} {y:12.6f} {z:12.6f}" for atom, (x, y, z) in atoms]
        return "\n".join([str(len(lines)), title, *lines]) + "\n"


def distance_matrix(positions: Array) -> Array:
    """Return the distances between all atoms, in the unit of the positions."""
    return np.sqrt(((positions[:, None] - positions[None]) ** 2).sum(axis=-1))


def _sanitised(edited: Chem.RWMol) -> Molecule:
    finished = edited.GetMol()
    try:
        Chem.SanitizeMol(finished)
    except Chem.MolSanitizeException as error:
        raise Unsuitable(f"it would not be a molecule ({error})") from None
    return Molecule(finished)


def _embedded(graph: Chem.Mol, count: int, seed: int) -> Chem.Mol:
    placed = Chem.Mol(graph)
    settings = rdDistGeom.ETKDGv3()
    settings.randomSeed = seed
    settings.numThreads = 1
    if len(rdDistGeom.EmbedMultipleConfs(placed, count, settings)) < count:
        settings.useRandomCoords = True
        if len(rdDistGeom.EmbedMultipleConfs(placed, count, settings)) < count:
            raise Unsuitable("no three-dimensional structure could be made for it")
    return placed
