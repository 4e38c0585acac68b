"""Goal constraints of molecules: the figure that is limited, and whether it is within the limit."""

from moonloop.domain.limits import GoalConstraint, SubstructureLimit
from moonloop.tools.chemistry.descriptors import descriptor
from moonloop.tools.chemistry.molecules import count_matches, known_molecule

__all__ = ["constraint_value", "satisfies"]


def constraint_value(constraint: GoalConstraint, smiles: str) -> float:
    """Return what the constraint limits: a count of matches, or a descriptor in its own unit."""
    molecule = known_molecule(smiles)
    if isinstance(constraint, SubstructureLimit):
        return float(count_matches(molecule, constraint.smarts))
    return descriptor(constraint.descriptor, molecule)


def satisfies(constraint: GoalConstraint, value: float) -> bool:
    """Say whether a value of `constraint_value` lies within the limit; the bounds themselves are within."""
    if isinstance(constraint, SubstructureLimit):
        return value <= constraint.at_most
    above = constraint.at_least is None or value >= constraint.at_least
    below = constraint.at_most is None or value <= constraint.at_most
    return above and below
