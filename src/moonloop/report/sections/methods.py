"""How it was done, how to verify it, with which versions, and in which units."""

from collections.abc import Iterator

import moonloop
from moonloop.domain.campaigns import CampaignSpec, Protocol
from moonloop.domain.limits import DescriptorLimit, GoalConstraint
from moonloop.domain.numbers import figure, span
from moonloop.report.blocks import (
    Block,
    Bullets,
    Code,
    Heading,
    Link,
    Paragraph,
    Prose,
    Section,
    Terms,
    joined,
    say,
)
from moonloop.report.records import Reading
from moonloop.report.wording import DESCRIPTORS, count, goal_words, limit_words, space_words

__all__ = ["methods"]


def methods(reading: Reading) -> Section:
    """Return the section on methods, verification, versions and units."""
    spec = reading.facts.spec
    blocks: tuple[Block, ...] = (
        Terms(tuple(_methods(spec))),
        Heading(say("How to verify this report"), "verify"),
        Bullets(tuple(_verification(reading))),
        Heading(say("Versions"), "versions"),
        Terms(tuple(_versions(reading))),
        Heading(say("Units"), "units"),
        Paragraph(
            say(
                "Units are UCUM codes (the Unified Code for Units of Measure, https://ucum.org/ucum), "
                "such as Cel for degrees Celsius and 1 for pure numbers, which are written without a "
                "unit. A value behind ± is a standard uncertainty or, where it says so, a standard "
                "deviation. Times are UTC."
            )
        ),
    )
    return Section("methods", "Methods, verification, versions and units", blocks)


def _methods(spec: CampaignSpec) -> Iterator[tuple[str, Prose]]:
    yield "objective", say(f"{goal_words(spec.objective)}.")
    yield "space", say(f"{space_words(spec.space)}.")
    for constraint in spec.constraints:
        yield "constraint", _constraint(constraint)
    yield "measured by", _protocol(spec.protocol)
    for run in spec.confirmation.runs if spec.confirmation else ():
        yield f"confirmation “{run.label}”", _protocol(run.protocol)
    scientist, design = spec.scientist, spec.design
    yield (
        "scientist",
        say(
            f"{scientist.kind}; batches of {design.batch_size}, seed {design.seed}, a pool of at most "
            f"{count(design.pool_limit, 'candidate')}. A Gaussian-process surrogate of all routine values "
            "proposes the designer's picks; test runs are drawn at random after their claim's "
            "registration."
        ),
    )
    yield (
        "winners",
        say(
            "Only candidates within the constraints are confirmed. Which of them is decided by the "
            "surrogate's mean, so that one lucky value does not win; a candidate holds against the mean "
            "of its routine values."
        ),
    )
    stop = spec.stop.improvement_below
    if stop is not None:
        yield "stopping", say(f"also when no candidate is expected to improve on the best by {figure(stop)}")


def _constraint(constraint: GoalConstraint) -> Prose:
    why = f" {constraint.why}" if constraint.why else ""
    if isinstance(constraint, DescriptorLimit):
        return say(
            f"{constraint.name}: {DESCRIPTORS[constraint.descriptor]}, {limit_words(constraint)}.{why}"
        )
    return say(
        f"{constraint.name}: {limit_words(constraint)} of the substructure ",
        Code(constraint.smarts),
        f".{why}",
    )


def _protocol(protocol: Protocol) -> Prose:
    settings = ", ".join(f"{name} = {value}" for name, value in protocol.parameters.items())
    rest = f", {settings}" if settings else ""
    return say(
        Code(protocol.name), f" on a {protocol.robot} robot{rest}; stopped after {span(protocol.timeout)}"
    )


def _verification(reading: Reading) -> Iterator[Prose]:
    yield say(
        "Every measured number stands beside a reference such as m1. It leads to a row of the table of ",
        Link("measurements", "measurements"),
        ", with the measurement's id, attempt and robot, and the hashes of its artifacts, of the job's "
        "spec and of the plan; the ",
        Link("decision", "decisions"),
        " on that plan names the same hash.",
    )
    yield say(
        "Hashes are SHA-256. An artifact's is that of its bytes, as ",
        Code("sha256sum FILE"),
        " prints it. A plan's, a spec's and the campaign file's are those of their canonical JSON (RFC "
        "8785), which the ledger keeps as bytes: hash the bytes as exported, without formatting them anew.",
    )
    yield say("The campaign file of this report: ", Code(reading.facts.spec_sha256), ".")
    yield say(
        "The report is a function of the ledger's facts alone: made again from the same facts by the same "
        "versions, it is the same to the byte."
    )


def _versions(reading: Reading) -> Iterator[tuple[str, Prose]]:
    yield "moonloop", say(f"{moonloop.__version__} (this report)")
    seen: dict[str, dict[str, None]] = {}
    for cycle in reading.facts.cycles:
        for job in cycle.jobs:
            for attempt in job.attempts:
                for name, version in attempt.versions.items():
                    seen.setdefault(name, {})[version] = None
    for name in sorted(seen):
        found = joined((say(version) for version in sorted(seen[name])), ", ")
        yield name, say(found, " (reported by robots)")
