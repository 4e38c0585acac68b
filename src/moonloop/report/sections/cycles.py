"""What each cycle was for, and who allowed it."""

from collections import Counter
from collections.abc import Iterator

from moonloop.domain.facts import CycleFact, DecisionFact, ReviewFact
from moonloop.domain.lifecycles import JobState, ReviewState
from moonloop.domain.numbers import clock
from moonloop.domain.plans import Purpose
from moonloop.domain.reviews import DeciderKind, HazardOutcome
from moonloop.report.blocks import (
    Block,
    Code,
    Heading,
    Link,
    Paragraph,
    Prose,
    Row,
    Section,
    Table,
    joined,
    say,
)
from moonloop.report.records import Reading
from moonloop.report.wording import DECIDERS, PURPOSES, count

__all__ = ["cycles"]

_HAZARDS = {
    HazardOutcome.NOT_APPLICABLE: "hazard screen not applicable: nothing physical is in the plan",
    HazardOutcome.UNKNOWN: "not screened for hazards: only a person may approve",
}

_PROPOSERS = {"algorithmic": "the algorithmic scientist"}

_NOBODY = "no agent"
"""Begins what the ledger says of a cycle in which agents had a task and none decided."""

_VERDICTS = {"approve": "approved", "reject": "rejected", "revoke": "revoked"}

_MEANINGS = {
    DeciderKind.POLICY: "A decision by a policy is taken by the ledger, under the rules that the campaign "
    "file names; no person looked at the plan.",
    DeciderKind.UNATTENDED: "The unattended identity stands in where no person is present.",
}


def cycles(reading: Reading) -> Section:
    """Return the section on cycles and decisions."""
    facts = reading.facts.cycles
    if not facts:
        none = Paragraph(say("No cycle has begun."))
        return Section("cycles", "Cycles and decisions", (none, *_decisions(reading)))
    rows = tuple(
        Row(tuple(_cycle(cycle)), f"cycle-{cycle.number}", _below(reading, cycle)) for cycle in facts
    )
    head = ("Cycle", "Opened (UTC)", "Runs by purpose", "Outcome", "Review")
    table = Table(say(f"{count(len(facts), 'cycle')}, each with what its plan was for"), head, rows)
    return Section("cycles", "Cycles and decisions", (table, *_decisions(reading)))


def _cycle(cycle: CycleFact) -> Iterator[Prose]:
    yield say(str(cycle.number))
    yield say(clock(cycle.opened_at))
    purposes = Counter(run.purpose for run in cycle.plan.plan.runs) if cycle.plan else Counter[Purpose]()
    named = (f"{purposes[purpose]} {PURPOSES[purpose]}" for purpose in Purpose if purposes[purpose])
    suggested = sum(run.suggested is not None for run in cycle.plan.plan.runs) if cycle.plan else 0
    yield say(", ".join(named), f", {suggested} of them suggested by agents" if suggested else "")
    states = Counter(job.state for job in cycle.jobs)
    yield say(
        ", ".join(f"{states[state]} {state}" for state in JobState if states[state]) or "nothing started"
    )
    yield joined((_review(cycle, review) for review in cycle.plan.reviews), "; ") if cycle.plan else ()


def _review(cycle: CycleFact, review: ReviewFact) -> Prose:
    state = review.state.value.replace("_", " ")
    if review.state is ReviewState.OPEN:
        return say(f"open since {clock(review.opened_at)} UTC")
    last = review.decisions[-1] if review.decisions else None
    by = f" by {DECIDERS[last.by_kind]}" if last else ""
    return say(Link(f"{state}{by}", f"plan-{cycle.number}")) if last else say(state)


def _below(reading: Reading, cycle: CycleFact) -> Prose:
    plan = cycle.plan.plan.summary.strip().rstrip(".") if cycle.plan else "no plan yet"
    advice = f" Advice afterwards: {cycle.advice.sentence}" if cycle.advice is not None else ""
    by = _proposer(reading, cycle.proposer)
    return say(f"{cycle.purpose.capitalize()}, proposed by ", by, f": {plan}.{advice}")


def _proposer(reading: Reading, proposer: str) -> Prose:
    """Say who proposed a cycle: the algorithm, with those agents that decided, or why with none."""
    algorithm, _, others = proposer.partition("; ")
    who = _PROPOSERS.get(algorithm, algorithm)
    if not others:
        return say(who)
    if "/" not in others.partition(",")[0] or others.startswith(_NOBODY):
        return say(f"{who} alone ({others.rstrip('.')})")
    return say(f"{who} with ", joined(reading.proposer(name) for name in others.split(", ")))


def _decisions(reading: Reading) -> Iterator[Block]:
    yield Heading(say("Who decided"), "decisions")
    told = [
        (cycle, review, decision)
        for cycle in reading.facts.cycles
        for review in (cycle.plan.reviews if cycle.plan else ())
        for decision in review.decisions
    ]
    if not told:
        yield Paragraph(say("No decision has been taken on any plan."))
        return
    kinds = {decision.by_kind for _, _, decision in told}
    meanings = " ".join(meaning for kind, meaning in _MEANINGS.items() if kind in kinds)
    hazards = {review.hazard for _, review, _ in told}
    if len(hazards) == 1:
        meanings += f" For every plan: {_hazard(told[0][1])}."
    yield Paragraph(
        say(
            "A decision is about one plan, named by its hash; an approval allows exactly the runs of that "
            "plan. ",
            meanings,
        )
    )
    first: set[int] = set()
    rows: list[Row] = []
    for cycle, review, decision in told:
        anchor = "" if cycle.number in first else f"plan-{cycle.number}"
        first.add(cycle.number)
        rows.append(
            Row(
                tuple(_decision(cycle, decision)),
                anchor,
                _bound(review, decision, tell_hazard=len(hazards) > 1),
            )
        )
    head = ("Cycle", "When (UTC)", "Decision", "By", "Kind", "Policy")
    yield Table(say(f"{count(len(told), 'decision')} on plans"), head, tuple(rows))


def _decision(cycle: CycleFact, decision: DecisionFact) -> Iterator[Prose]:
    yield say(Link(str(cycle.number), f"cycle-{cycle.number}"))
    yield say(clock(decision.at))
    yield say(_VERDICTS[decision.verdict])
    yield say(decision.by)
    yield say(DECIDERS[decision.by_kind])
    version = f", version {decision.policy_version}" if decision.policy_version else ""
    yield say(f"{decision.policy}{version}" if decision.policy else "none")


def _hazard(review: ReviewFact) -> str:
    return _HAZARDS.get(review.hazard, review.hazard.value.replace("_", " "))


def _bound(review: ReviewFact, decision: DecisionFact, *, tell_hazard: bool) -> Prose:
    comment = f". “{decision.comment}”" if decision.comment else ""
    hazard = f"; {_hazard(review)}" if tell_hazard else ""
    return say("plan ", Code(decision.plan_sha256), " in review ", Code(review.id), hazard, comment)
