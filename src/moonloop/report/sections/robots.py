"""Who measured, what failed, and how incidents were settled."""

from collections.abc import Iterator

from moonloop.domain.facts import AttemptFact, IncidentFact, JobFact, RobotFact
from moonloop.domain.lifecycles import AttemptState, IncidentState
from moonloop.domain.numbers import clock
from moonloop.domain.reviews import Resolution
from moonloop.domain.robots import RobotKind
from moonloop.report.blocks import (
    Block,
    Code,
    Heading,
    Mark,
    Paragraph,
    Prose,
    Row,
    Section,
    Table,
    joined,
    say,
)
from moonloop.report.records import Reading
from moonloop.report.wording import count

__all__ = ["robots"]

_ENDED_WELL = (
    AttemptState.OFFERED,
    AttemptState.ACCEPTED,
    AttemptState.RUNNING,
    AttemptState.PAUSED,
    AttemptState.SUCCEEDED,
)

_ENDINGS = {
    AttemptState.RELEASED: "given back before its start; nothing had moved",
    AttemptState.EXPIRED: "its lease ran out before its start; nothing had moved",
    AttemptState.LOST: "its lease ran out after its start; see the incidents",
    AttemptState.RECONCILED: "its lease ran out after its start; see the incidents",
}

_RESOLUTIONS = {
    Resolution.RERUN: "run again",
    Resolution.ADOPT: "its late result was adopted",
    Resolution.FAIL: "counted as failed",
}


def robots(reading: Reading) -> Section:
    """Return the section on robots, failures and incidents."""
    blocks: tuple[Block, ...] = (*_robots(reading), *_failures(reading), *_incidents(reading))
    return Section("robots", "Robots, failures and incidents", blocks)


def _robots(reading: Reading) -> Iterator[Block]:
    known = reading.facts.robots
    if not known:
        yield Paragraph(say("No robot has taken up a job."))
        return
    attempts = [attempt for _, attempt in _attempts(reading)]
    rows = tuple(
        Row(tuple(_robot(robot, attempts)), f"robot-{place}") for place, robot in enumerate(known, start=1)
    )
    head = ("Robot", "Kind", "Adapter", "State", "Attempts", "Succeeded", "Protocols")
    yield Table(
        say("Robots. The kind is set by an administrator and goes with every result"),
        head,
        rows,
        frozenset({4, 5}),
    )


def _robot(robot: RobotFact, attempts: list[AttemptFact]) -> Iterator[Prose]:
    ours = [attempt for attempt in attempts if attempt.robot_id == robot.id]
    yield say(f"{robot.name} (", Code(robot.id), ")")
    yield say(Mark("simulated")) if robot.kind is RobotKind.SIMULATED else say(robot.kind.value)
    yield say(f"{robot.adapter} {robot.version}")
    yield say(robot.state.value)
    yield say(f"{len(ours):,}")
    yield say(f"{sum(attempt.state is AttemptState.SUCCEEDED for attempt in ours):,}")
    yield joined((say(Code(protocol)) for protocol in robot.protocols), " ")


def _attempts(reading: Reading) -> Iterator[tuple[JobFact, AttemptFact]]:
    for cycle in reading.facts.cycles:
        for job in cycle.jobs:
            for attempt in job.attempts:
                yield job, attempt


def _failures(reading: Reading) -> Iterator[Block]:
    yield Heading(say("Attempts that did not succeed"), "failures")
    bad = [(job, attempt) for job, attempt in _attempts(reading) if attempt.state not in _ENDED_WELL]
    if not bad:
        yield Paragraph(say("There are none."))
        return
    links = {record.run.job_id: record.link for record in reading.records}
    rows = tuple(
        Row(
            (
                say(links[job.id]) if job.id in links else say(Code(job.id)),
                say(attempt.state.value),
                say(clock(attempt.ended_at or attempt.started_at or attempt.offered_at)),
                say(_name(reading, attempt.robot_id)),
                say(attempt.failure or _ENDINGS.get(attempt.state, "no reason was given")),
            ),
            below=_evidence(attempt),
        )
        for job, attempt in bad
    )
    head = ("Run", "State", "When (UTC)", "Robot", "What happened")
    yield Table(say(count(len(bad), "attempt")), head, rows)


def _evidence(attempt: AttemptFact) -> Prose:
    kept = [say(f"{artifact.name} ", Code(artifact.sha256)) for artifact in attempt.artifacts]
    return say("attempt ", Code(attempt.id), *(("; kept: ", joined(kept, "; ")) if kept else ()))


def _name(reading: Reading, robot_id: str) -> str:
    return next((robot.name for robot in reading.facts.robots if robot.id == robot_id), robot_id)


def _incidents(reading: Reading) -> Iterator[Block]:
    yield Heading(say("Incidents"), "incidents")
    if not reading.facts.incidents:
        yield Paragraph(say("There were none."))
        return
    links = {record.run.job_id: record.link for record in reading.records}
    rows = tuple(
        Row(
            (
                say(clock(incident.opened_at)),
                say(incident.kind.replace("_", " ")),
                say(links[incident.job_id]) if incident.job_id in links else say(Code(incident.job_id)),
                say(_name(reading, incident.robot_id)),
                say(_settled(incident)),
            ),
            below=say("incident ", Code(incident.id), ", attempt ", Code(incident.attempt_id)),
        )
        for incident in reading.facts.incidents
    )
    head = ("Opened (UTC)", "Kind", "Run", "Robot", "How it was settled")
    yield Table(say(count(len(rows), "incident")), head, rows)


def _settled(incident: IncidentFact) -> str:
    late = "A result came after the lease was lost. " if incident.late_result else ""
    if incident.state is IncidentState.OPEN:
        waits = "it waits in quarantine. " if incident.late_result else ""
        return f"{late.rstrip('. ') + '; ' if late else ''}{waits}Not settled: a person must decide."
    how = _RESOLUTIONS[incident.resolution] if incident.resolution else "settled"
    by = f" by {incident.by}" if incident.by else ""
    reason = f": “{incident.reason}”" if incident.reason else ""
    unused = ""
    if incident.late_result and incident.resolution is not Resolution.ADOPT:
        unused = " The late result does not count."
    return f"{late}{how.capitalize()}{by}, {clock(incident.settled_at)} UTC{reason}.{unused}"
