"""Molecules from SMILES, strictly, and back to canonical SMILES."""

from functools import lru_cache

from moonloop.domain.errors import InvalidInput
from moonloop.tools.chemistry.toolkit import CHEM, Molecule, quietly

__all__ = ["canonical_smiles", "count_matches", "known_molecule", "parse_smarts", "parse_smiles"]

_LONGEST = 2000
"""Characters; no laboratory substance needs more, and RDKit takes its time with what is longer."""


def parse_smiles(text: str, *, attachments: bool = False) -> Molecule:
    """Return the molecule that a SMILES means.

    Stricter than RDKit: nothing may stand beside the SMILES (RDKit reads text after a space as a name), every
    character must be visible ASCII, and attachment points (`*`) are refused unless `attachments` is true.

    Raises:
        InvalidInput: with the reason.
    """
    _check_text(text, "SMILES")
    molecule: Molecule = quietly(CHEM.MolFromSmiles, text, "SMILES")
    if not attachments and _has_attachment(molecule, text):
        raise InvalidInput(where="SMILES", why=f"{text!r} has an attachment point (*) where none belongs")
    return molecule


def canonical_smiles(text: str) -> str:
    """Return RDKit's canonical SMILES of a strictly parsed SMILES."""
    return str(CHEM.MolToSmiles(parse_smiles(text)))


@lru_cache(maxsize=4096)
def known_molecule(smiles: str) -> Molecule:
    """Return a strictly parsed molecule, kept for the next who asks; not to be changed."""
    return parse_smiles(smiles)


@lru_cache(maxsize=256)
def parse_smarts(text: str) -> Molecule:
    """Return the query that a SMARTS means; raise `InvalidInput` where it means none."""
    _check_text(text, "SMARTS")
    return quietly(CHEM.MolFromSmarts, text, "SMARTS")


def count_matches(molecule: Molecule, smarts: str) -> int:
    """Count the distinct sets of atoms of `molecule` that match `smarts`."""
    return len(molecule.GetSubstructMatches(parse_smarts(smarts), maxMatches=10_000))


def _has_attachment(molecule: Molecule, text: str) -> bool:
    # An atom of no element is written * or [#0]; most texts have neither, and looking at atoms takes longer.
    return ("*" in text or "#0" in text) and any(atom.GetAtomicNum() == 0 for atom in molecule.GetAtoms())


def _check_text(text: str, where: str) -> None:
    if not text:
        raise InvalidInput(where=where, why="it is empty")
    if len(text) > _LONGEST:
        raise InvalidInput(where=where, why=f"it has {len(text)} characters, {_LONGEST} are allowed")
    for place, character in enumerate(text, start=1):
        if not "!" <= character <= "~":
            raise InvalidInput(
                where=where,
                why=f"character {place} of {text!r} is U+{ord(character):04X}; only visible ASCII is allowed",
            )
