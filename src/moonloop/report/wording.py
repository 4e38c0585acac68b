"""Goals, spaces, candidates, constraints and claims in words."""

from moonloop.domain.campaigns import CampaignSpec, Objective
from moonloop.domain.claims import Claim, Effect
from moonloop.domain.limits import DescriptorLimit, GoalConstraint
from moonloop.domain.numbers import figure, with_unit
from moonloop.domain.plans import Purpose
from moonloop.domain.reviews import DeciderKind
from moonloop.domain.space import Candidate, CandidateTable, FactorSpace, RGroupSpace, Space
from moonloop.domain.values import Scalar

__all__ = [
    "DECIDERS",
    "DESCRIPTORS",
    "PURPOSES",
    "candidate_words",
    "claim_words",
    "constrained_words",
    "count",
    "goal_words",
    "limit_words",
    "space_words",
    "spoken",
]

PURPOSES = {
    Purpose.TEST: "test",
    Purpose.EXPLORE: "space-filling",
    Purpose.PICK: "designer's pick",
    Purpose.CONFIRMATION: "confirmation",
    Purpose.REFERENCE: "reference",
}

DECIDERS = {
    DeciderKind.PERSON: "a person",
    DeciderKind.POLICY: "a policy",
    DeciderKind.UNATTENDED: "the unattended identity",
}

DESCRIPTORS = {
    "esol_log_s": "ESOL log S (log10 of the aqueous solubility in mol/L, estimated from the structure; "
    "Delaney, J. Chem. Inf. Comput. Sci. 44, 1000, 2004)",
    "log_p": "log P (octanol-water partition, estimated from the structure; Wildman and Crippen, "
    "J. Chem. Inf. Comput. Sci. 39, 868, 1999)",
    "molecular_weight": "molecular weight in g/mol",
    "tpsa": "topological polar surface area in square ångström (Ertl et al., J. Med. Chem. 43, 3714, 2000)",
    "h_bond_donors": "number of hydrogen-bond donors",
    "h_bond_acceptors": "number of hydrogen-bond acceptors",
}

_SHORT = {"esol_log_s": "ESOL log S", "log_p": "log P", "tpsa": "TPSA / Å²", "molecular_weight": "g/mol"}


def count(number: int, one: str, several: str = "") -> str:
    """Write a number with its noun; the plural is that with an s unless given."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def spoken(name: str) -> str:
    """Write a quantity's name as words."""
    return name.replace("_", " ")


def goal_words(objective: Objective) -> str:
    """Say what is sought."""
    low, high = (figure(end) for end in objective.range)
    text = f"{objective.direction} {spoken(objective.name)} (expected between {low} and "
    text += with_unit(high, objective.unit)
    if objective.target is not None:
        text += f"; target {with_unit(figure(objective.target), objective.unit)}"
    return text + ")"


def space_words(space: Space) -> str:
    """Say what may be varied."""
    if isinstance(space, RGroupSpace):
        most = count(space.max_substituted, "position")
        return (
            f"molecules made of {count(len(space.scaffolds), 'scaffold')} and "
            f"{count(len(space.substituents), 'substituent')}, at most {most} substituted"
        )
    names = ", ".join(factor.name for factor in space.factors)
    if isinstance(space, CandidateTable):
        return f"a table of {count(len(space.rows), 'candidate')} in {names}"
    return f"all allowed combinations of {count(len(space.factors), 'factor')}: {names}"


def candidate_words(candidate: Candidate, space: Space) -> str:
    """Name a candidate as a chemist would: scaffold and groups, or the level of each factor."""
    if isinstance(space, RGroupSpace):
        return _molecule_words(candidate, space)
    units = _units(space)
    parts = [
        f"{name} {with_unit(_level(level), units.get(name, '1'))}"
        for name, level in candidate.settings.items()
    ]
    return ", ".join(parts) or candidate.key


def _molecule_words(candidate: Candidate, space: RGroupSpace) -> str:
    settings = dict(candidate.settings)
    scaffold = settings.pop("scaffold", None)
    if scaffold is None:
        return candidate.key
    groups = [f"{locant}-{group}" for locant, group in settings.items() if group != space.unsubstituted]
    return f"{scaffold}: {', '.join(groups) or 'unsubstituted'}"


def _level(level: Scalar) -> str:
    return figure(level, 6) if isinstance(level, float) else str(level)


def _units(space: FactorSpace | CandidateTable) -> dict[str, str]:
    return {factor.name: factor.unit for factor in space.factors if factor.kind != "categorical"}


def constrained_words(constraint: GoalConstraint) -> str:
    """Name the figure that a constraint limits."""
    if isinstance(constraint, DescriptorLimit):
        return _SHORT.get(constraint.descriptor, constraint.descriptor.replace("_", " "))
    return f"matches of “{constraint.name}”"


def limit_words(constraint: GoalConstraint) -> str:
    """Say what a constraint asks for."""
    if not isinstance(constraint, DescriptorLimit):
        return (
            "no match"
            if constraint.at_most == 0
            else f"at most {count(constraint.at_most, 'match', 'matches')}"
        )
    ends = ("at least", constraint.at_least), ("at most", constraint.at_most)
    bounds = " and ".join(f"{word} {figure(end)}" for word, end in ends if end is not None)
    return f"{constrained_words(constraint)} {bounds}"


def claim_words(claim: Claim, spec: CampaignSpec, delta: str, cap: str) -> str:
    """Say what is claimed, as the verdict rule has it."""
    if isinstance(claim, Effect):
        better = "higher" if spec.objective.sign > 0 else "lower"
        return (
            f"Over the matched pairs of the space, {claim.factor} {_level(claim.level_a)} in place of "
            f"{_level(claim.level_b)} makes {spoken(spec.objective.name)} {better} on average, each pair "
            f"counting at most {cap}. Supported when “no advantage” is rejected; refuted when “an "
            f"advantage of {delta} or more” is."
        )
    return (
        f"The surrogate trained on the data through cycle {claim.trained_through} predicts random unseen "
        f"settings with a mean absolute error below {delta}, each error counting at most {cap}. Supported "
        f"when “{delta} or more” is rejected; refuted when “three quarters of {delta} or less” is."
    )
