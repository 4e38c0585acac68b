"""Quinones and their hydroquinones, by structure: where the two carbonyls are, and what ionises."""

from dataclasses import dataclass

from moonloop.lab_adapters.xtb.chemistry_errors import Unsuitable
from moonloop.lab_adapters.xtb.molecules import Molecule

__all__ = ["Couple", "couple", "hydroquinone", "in_solvent"]

_SULFONIC_ACID = "[#6][SX4](=O)(=O)[OX2H1]"
_SULFONATE = "[#6][SX4](=O)(=O)[OX1-]"
_OXYGEN = 4
"""Place of the acid's oxygen within both patterns."""
_RING_CARBONYL = "[#6R]=[OX1]"
_NO_RING = "it is not a quinone: no ring of six carbons has two carbonyls, in 1,2- or 1,4-position"
_NOT_AROMATIC = "it is not a quinone: its ring would not become aromatic on reduction"


@dataclass(frozen=True)
class Couple:
    """A quinone and its hydroquinone, both in the state they have in the solvent."""

    quinone: Molecule
    hydroquinone: Molecule


def couple(smiles: str, solvent: str) -> Couple:
    """Return the two species of Q + H2 -> hydroquinone; raise `Unsuitable` when the SMILES is no quinone."""
    quinone = in_solvent(Molecule.from_smiles(smiles), solvent)
    reduced = hydroquinone(quinone)
    if reduced.charge != quinone.charge:
        raise Unsuitable("taking up two hydrogen atoms would change its charge")
    return Couple(quinone, reduced)


def in_solvent(mol: Molecule, solvent: str) -> Molecule:
    """Return the molecule with its sulfonic acids ionised in water and neutral in the gas phase.

    They are found by structure, and the charge is checked: neutral SO3H in implicit water spoils a row.
    """
    ionised = solvent == "water"
    found = {match[_OXYGEN] for match in mol.matches(_SULFONIC_ACID if ionised else _SULFONATE)}
    prepared = mol.recharged(found, -1 if ionised else 0)
    expected = mol.charge + (-len(found) if ionised else len(found))
    if prepared.charge != expected:
        raise Unsuitable(f"its charge would be {prepared.charge} where its structure says {expected}")
    return prepared


def hydroquinone(quinone: Molecule) -> Molecule:
    """Return the product of taking up two hydrogen atoms at the carbonyls of the one quinone ring.

    Raise `Unsuitable` when no ring of six carbon atoms has exactly two carbonyls, in 1,2- or 1,4-position,
    when several have, or when the ring would not be aromatic afterwards.
    """
    found = [(ring, pair) for ring in quinone.rings if (pair := _carbonyls(quinone, ring))]
    if not found:
        raise Unsuitable(_NO_RING)
    if len(found) > 1:
        raise Unsuitable("it has more than one quinone ring; which of them is reduced is not known")
    ring, pair = found[0]
    try:
        reduced = quinone.reduced(ring, pair)
    except Unsuitable:
        raise Unsuitable(_NOT_AROMATIC) from None
    if reduced.hydrogens != quinone.hydrogens + 2 or not reduced.is_aromatic(ring):
        raise Unsuitable(_NOT_AROMATIC)
    return reduced


def _carbonyls(mol: Molecule, ring: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return carbon and oxygen of the two carbonyls of a quinone ring; nothing for any other ring."""
    numbers = mol.atomic_numbers
    if len(ring) != 6 or any(numbers[index] != 6 for index in ring):
        return ()
    pair = [(carbon, oxygen) for carbon, oxygen in mol.matches(_RING_CARBONYL) if carbon in ring]
    if len(pair) != 2:
        return ()
    apart = abs(ring.index(pair[0][0]) - ring.index(pair[1][0]))
    return tuple(pair) if apart in (1, 3, 5) else ()
