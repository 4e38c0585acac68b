"""A whole campaign driven through the scientist's own functions, without a service in between."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench_support.cases import Case
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Hypothesis, Verdict
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Run
from moonloop.domain.proposals import Proposal
from moonloop.domain.trust import ALGORITHM, ClaimScore
from moonloop.scientist import judge, plan_search, propose
from moonloop.tools.spaces import pool_for

__all__ = ["Agents", "Course", "Outcome", "drive"]

Outcome = Callable[[Run], float | None]
Agents = Callable[[History], tuple[Proposal, ...]]
"""What the agents decide at the beginning of a cycle."""


@dataclass(frozen=True)
class Course:
    """How one campaign went."""

    best: list[float]
    """Signed true value of the best feasible candidate after each experiment."""
    planning: list[float]
    """CPU seconds of planning each batch."""
    history: History
    """Up to the last batch, judged."""

    @property
    def verdicts(self) -> list[tuple[Hypothesis, Verdict]]:
        """Each hypothesis with its verdict."""
        by_id = {evidence.hypothesis_id: evidence.verdict for evidence in self.history.evidence}
        return [(claim, by_id[claim.id]) for claim in self.history.hypotheses]


def drive(
    case: Case,
    spec: CampaignSpec,
    name: str,
    experiments: int,
    outcome: Outcome,
    agents: Agents | None = None,
    until: float = np.inf,
) -> Course:
    """Run a campaign on a case until its experiments are spent, or a batch has found a value of `until`.

    Args:
        case: Where the truth is known.
        spec: The campaign; that of the case, with its seed and claims.
        name: The campaign's id.
        experiments: The budget.
        outcome: What a run measures; None when it fails.
        agents: What agents propose in each cycle.
        until: A signed true value that is good enough.
    """
    pool = pool_for(spec)
    feasible = {candidate.key for candidate in np.asarray(pool.candidates, dtype=object)[pool.feasible]}
    history = History(campaign_id=name, cycle=1, experiments_left=experiments)
    best: list[float] = []
    planning: list[float] = []
    while history.experiments_left and (not best or best[-1] < until):
        if agents is not None:
            history = history.model_copy(update={"proposals": agents(history)})
        registered = (*history.hypotheses, *propose(spec, history))
        history = history.model_copy(update={"hypotheses": registered})
        started = time.process_time()
        planned = plan_search(spec, history)
        planning.append(time.process_time() - started)
        seen: list[Observation] = []
        for run in planned.plan.runs:
            value = outcome(run)
            seen.append(_observed(run, history.cycle, value))
            counts = value is not None and run.candidate.key in feasible
            known = best[-1] if best else -np.inf
            best.append(max(known, case.truth(run.candidate.key)) if counts else known)
        history = _settled(spec, history, seen)
    return Course(best, planning, history)


def _observed(run: Run, cycle: int, value: float | None) -> Observation:
    return Observation(
        cycle=cycle,
        index=run.index,
        job_id=run.job_id,
        purpose=run.purpose,
        candidate=run.candidate,
        outcome="failed" if value is None else "measured",
        value=value,
        expected=run.expected,
        test=run.test,
        suggested=run.suggested,
    )


def _settled(spec: CampaignSpec, history: History, seen: list[Observation]) -> History:
    after = history.model_copy(
        update={
            "observations": (*history.observations, *seen),
            "experiments_left": history.experiments_left - len(seen),
        }
    )
    evidence = judge(spec, after)
    known = {one.hypothesis_id for one in history.evidence if one.verdict is not Verdict.UNDECIDED}
    verdicts = {one.hypothesis_id: one.verdict for one in evidence if one.verdict is not Verdict.UNDECIDED}
    fresh = [
        ClaimScore(
            proposer=claim.proposed.proposer,
            probability=claim.proposed.probability,
            supported=verdicts[claim.id] is Verdict.SUPPORTED,
        )
        for claim in history.hypotheses
        if claim.id in verdicts and claim.id not in known and _is_scored(claim.proposed.proposer)
    ]
    return after.model_copy(
        update={"evidence": evidence, "cycle": after.cycle + 1, "record": (*history.record, *fresh)}
    )


def _is_scored(proposer: str) -> bool:
    """Say whether the ledger's record has this proposer's claims: people's are not scored."""
    return proposer == ALGORITHM or "/" in proposer
