"""The opening: what must be known first, what was sought, and how it ended."""

from collections.abc import Iterator

from moonloop.domain.facts import DecisionFact
from moonloop.domain.lifecycles import CampaignState, DoneReason, HypothesisState, IncidentState, JobState
from moonloop.domain.numbers import day, span
from moonloop.domain.reviews import DeciderKind, DecisionVerdict
from moonloop.domain.robots import RobotKind
from moonloop.report.blocks import Block, Headline, Headlines, Notice, Paragraph, Prose, Strong, joined, say
from moonloop.report.findings import Finding, Findings, Standing
from moonloop.report.records import Reading
from moonloop.report.sections.narrative import narrative
from moonloop.report.sections.winners import card_link
from moonloop.report.wording import count, goal_words, limit_words, space_words

__all__ = ["opening"]

_STATES = {
    CampaignState.DRAFT: "has not been started",
    CampaignState.RUNNING: "is running",
    CampaignState.PAUSED: "is paused",
    CampaignState.STOPPING: "is stopping",
}

_NOT_FOUND = {
    Standing.DID_NOT_HOLD: "One that did not hold when it was checked is not reported as found",
    Standing.INCOMPLETE: "One whose confirmation is incomplete is not reported as found",
}

_SCRIPTED = (
    "Answers of agents in this report come from a scripted endpoint, no model: they show how agents take "
    "part, and nothing of what a model would have said. Each is marked wherever it stands."
)

_ENDS = {
    DoneReason.GOAL_MET: "because the goal was met",
    DoneReason.BUDGET_SPENT: "because its budget was spent",
    DoneReason.NO_CANDIDATES: "because no candidate was left to run",
    DoneReason.STOPPED_BY: "because it was stopped",
    DoneReason.FAILED: "because it failed",
}


def opening(reading: Reading, findings: Findings) -> tuple[Block, ...]:
    """Return the notices, goal and outcome in words, the headline figures, and an agent's narrative."""
    return (
        *_notices(reading),
        Paragraph(joined((_sought(reading), _ended(reading), *_found(reading, findings)), " ")),
        Headlines(tuple(_headlines(reading, findings))),
        *narrative(reading),
    )


def _notices(reading: Reading) -> Iterator[Notice]:
    state = reading.facts.summary.state
    if state is not CampaignState.DONE:
        until = f" The facts reach to {day(reading.latest)}." if reading.latest else ""
        words = f"The campaign {_STATES[state]}. The figures below may change.{until}"
        yield Notice("Not finished", say(words))
    simulated = _simulated(reading)
    if simulated:
        yield Notice("Simulated results", simulated)
    if any(fact.scripted for fact in reading.agents):
        yield Notice("Scripted agents", say(_SCRIPTED))
    unattended = _unattended(reading)
    if unattended:
        yield Notice("Approved without a person", unattended)
    waiting = [incident for incident in reading.facts.incidents if incident.state is IncidentState.OPEN]
    if waiting:
        text = f"{count(len(waiting), 'incident')} waits for a person." if len(waiting) == 1 else ""
        text = text or f"{count(len(waiting), 'incident')} wait for a person."
        yield Notice("Open incidents", say(text))


def _simulated(reading: Reading) -> Prose:
    ours = len(reading.simulated)
    robots = sorted({robot.name for robot in reading.facts.robots if robot.kind is RobotKind.SIMULATED})
    if not ours and not robots and reading.facts.spec.protocol.robot is not RobotKind.SIMULATED:
        return ()
    share = f"{ours:,} of {count(len(reading.results), 'measurement')} come from simulated robots"
    if ours and ours == len(reading.results):
        share = "Every measurement in this report comes from a simulated robot"
    if not reading.results:
        share = "The campaign's work is done by simulated robots"
    names = f" ({', '.join(robots)})" if robots else ""
    return say(
        f"{share}{names}. A simulated value shows how the loop works; it says nothing about nature. "
        "Each is marked as simulated wherever it stands."
    )


def _unattended(reading: Reading) -> Prose:
    approvals = [
        decision
        for decision in _decisions(reading)
        if decision.verdict is DecisionVerdict.APPROVE and decision.by_kind is DeciderKind.UNATTENDED
    ]
    if not approvals:
        return ()
    who = joined(say(Strong(name)) for name in sorted({decision.by for decision in approvals}))
    return say(
        f"{count(len(approvals), 'approval')} of this campaign's work "
        f"{'was' if len(approvals) == 1 else 'were'} given by the unattended identity ",
        who,
        ", which stands in where no person is present. No person looked at those plans before they ran.",
    )


def _decisions(reading: Reading) -> Iterator[DecisionFact]:
    for cycle in reading.facts.cycles:
        for review in cycle.plan.reviews if cycle.plan else ():
            yield from review.decisions


def _sought(reading: Reading) -> Prose:
    spec = reading.facts.spec
    limits = "; ".join(f"{limit.name} ({limit_words(limit)})" for limit in spec.constraints)
    within = f", within these constraints: {limits}" if limits else ""
    return say(
        f"The campaign set out to {goal_words(spec.objective)} over {space_words(spec.space)}{within}."
    )


def _ended(reading: Reading) -> Prose:
    facts = reading.facts
    state, reason = facts.summary.state, facts.summary.done_reason
    if state is CampaignState.DONE:
        when = f" on {day(facts.ended_at)}" if facts.ended_at else ""
        why = f" {_ENDS[reason]}" if reason else ""
        return say(
            Strong(f"It ended{when}{why}."), f" {_sentence(facts.stop_reason)}" if facts.stop_reason else ""
        )
    began = f" since {day(facts.started_at)}" if facts.started_at else ""
    now = {
        CampaignState.DRAFT: "It has not been started.",
        CampaignState.RUNNING: f"It is still running{began}, now in cycle {facts.summary.cycle}.",
        CampaignState.PAUSED: f"It is paused, in cycle {facts.summary.cycle}.",
        CampaignState.STOPPING: "It is stopping: no new run is planned, what is under way is being settled.",
    }
    waits = f" {_sentence(facts.summary.waiting_for)}" if facts.summary.waiting_for else ""
    reason_given = f" {_sentence(facts.stop_reason)}" if facts.stop_reason else ""
    return say(Strong(now[state]), waits, reason_given)


def _sentence(text: str) -> str:
    clean = text.strip()
    return clean if clean.endswith((".", "!", "?")) else f"{clean}."


def _found(reading: Reading, findings: Findings) -> Iterator[Prose]:
    if not reading.results:
        yield say("Nothing has been measured yet, so there is nothing to report as found.")
        return
    within = " within the constraints" if reading.facts.spec.constraints else ""
    confirmed = findings.standing(Standing.CONFIRMED)
    if confirmed:
        yield say("The best confirmed candidate is ", _named(reading, findings, confirmed[0]), ".")
    elif findings.within:
        asked = reading.facts.spec.confirmation
        why = "none has passed its confirmation" if asked else "the campaign file asks for no confirmation"
        start = f"No candidate is reported as found, because {why}. The best measured{within} is "
        yield say(start, _named(reading, findings, findings.within[0]), ".")
    else:
        yield say(f"No candidate{within} has a value yet.")
    for standing, words in _NOT_FOUND.items():
        for finding in findings.standing(standing):
            yield say(f"{words}: ", _named(reading, findings, finding), ".")
    if reading.facts.hypotheses:
        yield say(_verdicts(reading))


def _named(reading: Reading, findings: Findings, finding: Finding) -> Prose:
    values = joined((reading.measured(result) for result in finding.results[:3]), "; ")
    more = f"; and {len(finding.results) - 3} more" if len(finding.results) > 3 else ""
    return say(card_link(reading, findings, finding), " at ", values, more)


def _verdicts(reading: Reading) -> str:
    states = [reading.state(fact) for fact in reading.facts.hypotheses]
    order = (
        HypothesisState.SUPPORTED, HypothesisState.REFUTED, HypothesisState.UNDECIDED,
        HypothesisState.TESTING, HypothesisState.REGISTERED, HypothesisState.WITHDRAWN,
    )  # fmt: skip
    words = {HypothesisState.TESTING: "still under test", HypothesisState.REGISTERED: "not yet tested"}
    parts = [f"{states.count(state)} {words.get(state, state)}" for state in order if state in states]
    return f"Of {count(len(states), 'hypothesis', 'hypotheses')}: {', '.join(parts)}."


def _headlines(reading: Reading, findings: Findings) -> Iterator[Headline]:
    facts, summary = reading.facts, reading.facts.summary
    confirmed = findings.standing(Standing.CONFIRMED)
    best = next(iter(confirmed or findings.within), None)
    if best is not None:
        value = say(reading.amount(best.value))
        links = joined((say(result.link) for result in best.results[:4]), " ")
        label = "best confirmed" if confirmed else "best measured, not confirmed"
        yield Headline(label, value, say(links, best.results[0].marks))
    yield Headline("experiments", say(f"{summary.experiments_done:,} of {summary.experiments_limit:,}"))
    tried = len(findings.tried)
    if facts.spec.confirmation:
        yield Headline("checked candidates confirmed", say(f"{len(confirmed)} of {tried}"))
    if facts.hypotheses:
        decided = [fact for fact in facts.hypotheses if fact.state in ("supported", "refuted")]
        yield Headline("hypotheses decided", say(f"{len(decided)} of {len(facts.hypotheses)}"))
    failed = [record for record in reading.records if record.job and record.job.state is JobState.FAILED]
    yield Headline("failed runs", say(f"{len(failed):,} of {len(reading.records):,}"))
    end = facts.ended_at or reading.latest
    if facts.started_at and end:
        note = say() if facts.ended_at else say("so far")
        yield Headline("wall time", say(span((end - facts.started_at).total_seconds())), note)
