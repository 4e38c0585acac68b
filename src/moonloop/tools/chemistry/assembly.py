"""Molecules put together from a scaffold and substituents, and the symmetry of the scaffold."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from rdkit.Chem import Mol

from moonloop.domain.errors import InvalidInput
from moonloop.tools.chemistry.molecules import canonical_smiles, parse_smiles
from moonloop.tools.chemistry.toolkit import CHEM, Molecule, quietly

__all__ = ["assemble", "check_scaffold", "check_substituent", "symmetries"]

_STAND_IN = 85
"""Astatine takes the place of an attachment point, since an atom of no element matches any other."""


def check_scaffold(smiles: str) -> None:
    """Raise `InvalidInput` unless every `*` of a scaffold is labelled and hangs on one single bond."""
    for atom in parse_smiles(smiles, attachments=True).GetAtoms():
        if atom.GetAtomicNum() == 0 and (atom.GetAtomMapNum() == 0 or not _hangs_on_one_bond(atom)):
            raise InvalidInput(
                where="scaffold", why=f"{smiles!r}: an attachment point is [*:n] on one single bond"
            )


def check_substituent(smiles: str) -> None:
    """Raise `InvalidInput` unless a substituent is a valid SMILES with one `*` on one single bond."""
    points = [atom for atom in parse_smiles(smiles, attachments=True).GetAtoms() if atom.GetAtomicNum() == 0]
    if len(points) != 1 or not _hangs_on_one_bond(points[0]):
        raise InvalidInput(where="substituent", why=f"{smiles!r}: it needs one [*] on one single bond")


def assemble(scaffold: str, substituents: Mapping[str, str]) -> str:
    """Return the canonical SMILES of a scaffold with a substituent at each attachment point.

    Args:
        scaffold: SMILES with `[*:n]` at each locant n.
        substituents: SMILES with one `[*]`, by locant.

    Raises:
        InvalidInput: when the parts make no sound molecule.
    """
    whole = _parsed(scaffold)
    for locant, substituent in substituents.items():
        whole = CHEM.CombineMols(whole, _labelled(substituent, int(locant)))
    joined = quietly(lambda _: CHEM.RemoveHs(CHEM.molzip(whole)), scaffold, "molecule")
    return canonical_smiles(str(CHEM.MolToSmiles(joined)))


@lru_cache(maxsize=256)
def symmetries(scaffold: str) -> tuple[tuple[int, ...], ...]:
    """Return the permutations of a scaffold's locants, in rising order, that leave the molecule the same.

    Each is a tuple p such that the substituent at place i may as well sit at place p[i]; the identity is
    among them.
    """
    molecule = CHEM.RWMol(parse_smiles(scaffold, attachments=True))
    locants: dict[int, int] = {}
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 0:
            locants[atom.GetIdx()] = atom.GetAtomMapNum()
            atom.SetAtomicNum(_STAND_IN)
        atom.SetAtomMapNum(0)
    CHEM.SanitizeMol(molecule)
    ranks: Sequence[int] = list(CHEM.CanonicalRankAtoms(molecule, breakTies=False))
    atoms = sorted(locants, key=lambda atom: locants[atom])
    place = {atom: number for number, atom in enumerate(atoms)}
    matches: Sequence[Sequence[int]] = molecule.GetSubstructMatches(
        molecule, uniquify=False, useChirality=True, maxMatches=100_000
    )
    found = {
        tuple(place[match[atom]] for atom in atoms)
        for match in matches
        if all(ranks[atom] == ranks[image] for atom, image in enumerate(match))
    }
    return tuple(sorted(found))


@lru_cache(maxsize=1024)
def _parsed(smiles: str) -> Molecule:
    return parse_smiles(smiles, attachments=True)


@lru_cache(maxsize=4096)
def _labelled(substituent: str, locant: int) -> Molecule:
    fragment = Mol(_parsed(substituent))
    for atom in fragment.GetAtoms():
        atom.SetAtomMapNum(locant if atom.GetAtomicNum() == 0 else 0)
    return fragment


def _hangs_on_one_bond(atom: object) -> bool:
    bonds = CHEM.Atom.GetBonds(atom)
    return len(bonds) == 1 and bonds[0].GetBondType() == CHEM.BondType.SINGLE
