"""The best candidates: drawn, predicted against measured, constrained, and confirmed or not."""

from collections.abc import Iterator
from typing import Literal

from moonloop.domain.errors import MoonloopError
from moonloop.domain.lifecycles import JobState
from moonloop.domain.limits import SubstructureLimit
from moonloop.domain.numbers import figure
from moonloop.report.blocks import (
    Block,
    Card,
    Code,
    Heading,
    Inline,
    Link,
    Paragraph,
    Prose,
    Row,
    Section,
    Table,
    Terms,
    Words,
    joined,
    say,
)
from moonloop.report.findings import Check, Finding, Findings, Standing, Trial
from moonloop.report.records import Reading, RunRecord
from moonloop.report.vector import embed
from moonloop.report.wording import candidate_words, count, limit_words
from moonloop.tools.drawing import structure_svg

__all__ = ["card_link", "shown", "winners"]

_LISTED = 10
_TONES: dict[Standing, Literal["good", "bad", "open"]] = {
    Standing.CONFIRMED: "good",
    Standing.DID_NOT_HOLD: "bad",
    Standing.OUTSIDE: "bad",
}


def card_link(reading: Reading, findings: Findings, finding: Finding) -> Inline:
    """Return a reference to the candidate's card, or to its first run when it has none."""
    name = candidate_words(finding.candidate, reading.facts.spec.space)
    cards = shown(reading, findings)
    anchor = f"candidate-{cards.index(finding) + 1}" if finding in cards else finding.records[0].anchor
    return Link(name, anchor, finding.candidate.key)


def shown(reading: Reading, findings: Findings) -> tuple[Finding, ...]:
    """Return the candidates that get a card: those put to confirmation, and the best."""
    confirmation = reading.facts.spec.confirmation
    top = findings.within[: max(3, confirmation.top if confirmation else 3)]
    return tuple(finding for finding in findings.ranked if finding.trials or finding in top)


def winners(reading: Reading, findings: Findings) -> Section:
    """Return the section on the best candidates."""
    cards = tuple(
        _card(reading, findings, finding, number)
        for number, finding in enumerate(shown(reading, findings), start=1)
    )
    if not cards:
        blocks: tuple[Block, ...] = (Paragraph(say("No candidate has a value yet.")),)
    else:
        blocks = (Paragraph(_introduction(reading)), *cards, *_ranking(reading, findings))
    return Section("candidates", "Best candidates", blocks)


def _introduction(reading: Reading) -> Prose:
    how = "the mean of all values of a candidate by the campaign's own protocol"
    if reading.facts.spec.confirmation is None:
        return say(
            f"Ranked by the routine value, {how}. The campaign file asks for no confirmation runs, so none "
            "of these candidates is reported as found."
        )
    return say(
        f"Ranked by the routine value, {how}. Which are put to confirmation goes by what the surrogate makes "
        "of all values, so that a lucky one does not win. A candidate counts as found only when every "
        "confirmation run that the campaign file asks for was made and was not worse than the routine value "
        "by more than its tolerance; a run that failed counts as not held."
    )


def _card(reading: Reading, findings: Findings, finding: Finding, number: int) -> Card:
    name = candidate_words(finding.candidate, reading.facts.spec.space)
    place = f"{findings.within.index(finding) + 1}. " if finding in findings.within else ""
    return Card(
        anchor=f"candidate-{number}",
        title=say(f"{place}{name}"),
        status=finding.standing.value,
        tone=_TONES.get(finding.standing, "open"),
        svg=_drawing(finding, number),
        alternative=f"Structural formula of {finding.candidate.smiles}",
        blocks=tuple(_card_blocks(reading, finding)),
    )


def _drawing(finding: Finding, number: int) -> str:
    if finding.candidate.smiles is None:
        return ""
    try:
        return embed(structure_svg(finding.candidate.smiles), f"structure-{number}")
    except MoonloopError:
        # What cannot be drawn is still told by its SMILES.
        return ""


def _card_blocks(reading: Reading, finding: Finding) -> Iterator[Block]:
    yield Paragraph(_story(reading, finding))
    terms = [("SMILES" if finding.candidate.smiles else "candidate", say(Code(finding.candidate.key)))]
    terms.append(("routine value", _routine(reading, finding)))
    terms += [("predicted", _predicted(reading, record)) for record in finding.records if record.run.expected]
    terms += [(check.constraint.name, _checked(check)) for check in finding.checks]
    yield Terms(tuple(terms))
    if finding.trials:
        yield _trials(reading, finding)


def _routine(reading: Reading, finding: Finding) -> Prose:
    singles = joined((reading.measured(result) for result in finding.results), "; ")
    if len(finding.results) == 1:
        return singles
    mean = f"{reading.amount(finding.value)}, mean of {len(finding.results)} (spread "
    return say(f"{mean}{reading.amount(finding.sd or 0.0)}): ", singles)


def _predicted(reading: Reading, record: RunRecord) -> Prose:
    expected, result = record.run.expected, reading.of_run(record)
    assert expected is not None
    assert result is not None
    off = result.fact.value - expected.mean
    far = f", {figure(abs(off) / expected.sd, 2)} standard deviations" if expected.sd else ""
    text = f"{reading.amount(expected.mean, expected.sd)} before "
    return say(text, record.link, f"; the measured value differs by {reading.difference(off)}{far}")


def _checked(check: Check) -> Prose:
    asked = f"asked: {limit_words(check.constraint)}"
    if check.value is None:
        return say(f"could not be computed ({asked})")
    value = _figure(check)
    return say(f"{value} ({asked}; {'met' if check.met else 'not met'})")


def _figure(check: Check) -> str:
    if check.value is None:
        return "unknown"
    counted = isinstance(check.constraint, SubstructureLimit)
    return count(int(check.value), "match", "matches") if counted else figure(check.value, 3)


def _trials(reading: Reading, finding: Finding) -> Table:
    rows = tuple(Row(tuple(_trial_cells(reading, trial))) for trial in finding.trials)
    head = ("Confirmation run", "Outcome", "Value", "Against routine", "Tolerance", "Protocol")
    return Table(say("Confirmation runs"), head, rows, frozenset({3, 4}))


def _trial_cells(reading: Reading, trial: Trial) -> Iterator[Prose]:
    rule = trial.rule
    yield say(trial.record.run.label or "unnamed", " (", trial.record.link, ")")
    yield say({True: "held", False: "did not hold", None: "no value"}[trial.held])
    yield reading.outcome(trial.record)
    shortfall = trial.shortfall
    yield say("" if shortfall is None else reading.difference(-reading.objective.sign * shortfall))
    yield say("" if rule is None else reading.amount(rule.tolerance))
    yield say(rule.protocol.name if rule else "not in the campaign file")


def _story(reading: Reading, finding: Finding) -> Prose:
    if finding.standing is Standing.OUTSIDE:
        missed = ", ".join(check.constraint.name for check in finding.checks if not check.met)
        told = say(f"Not a winner: outside the constraints ({missed}).")
    elif not finding.trials:
        told = say("Measured, but not put to confirmation; not reported as found.")
    else:
        trials = joined((_trial_story(reading, trial) for trial in finding.trials), " ")
        told = say(f"{_verdict(finding)} ", trials)
    return say(told, _against_target(reading, finding))


def _against_target(reading: Reading, finding: Finding) -> str:
    target = reading.objective.target
    if target is None:
        return ""
    verb = "reaches" if reading.objective.sign * (finding.value - target) >= 0 else "does not reach"
    return f" Its routine value {verb} the target of {reading.amount(target)}."


def _verdict(finding: Finding) -> str:
    held = sum(trial.held is True for trial in finding.trials)
    runs = count(len(finding.trials), "confirmation run")
    return {
        Standing.CONFIRMED: f"Found: it held in {held} of {runs}.",
        Standing.DID_NOT_HOLD: f"Not reported as found: it did not hold; {held} of {runs} held.",
        Standing.INCOMPLETE: f"Not reported as found: {held} of {runs} held, not all gave a value.",
        Standing.AWAITED: f"Not yet reported as found: {held} of {runs} held so far.",
    }[finding.standing]


def _trial_story(reading: Reading, trial: Trial) -> Prose:
    label, rule = trial.record.run.label, trial.rule
    if trial.result is None or trial.shortfall is None:
        failure = _failure(trial) if trial.record.job else ""
        return say(f"“{label}” has no value: {trial.record.outcome}{failure}.")
    size = reading.amount(abs(trial.shortfall))
    side = "worse" if trial.shortfall > 0 else "better"
    same = round(trial.shortfall, reading.decimals) == 0
    compared = ", the same as the routine value" if same else f", {size} {side} than the routine value"
    gave = say(f"“{label}” gave ", reading.measured(trial.result), compared)
    if rule is None:
        return say(gave, "; the campaign file has no tolerance for it.")
    held = "held" if trial.held else "did not hold"
    return say(gave, f" (tolerance {reading.amount(rule.tolerance)}): {held}.")


def _failure(trial: Trial) -> str:
    job = trial.record.job
    reason = job.attempts[-1].failure if job and job.state is JobState.FAILED and job.attempts else ""
    return f" ({reason.rstrip('.')})" if reason else ""


def _ranking(reading: Reading, findings: Findings) -> Iterator[Block]:
    limits = reading.facts.spec.constraints
    space = reading.facts.spec.space
    rows = tuple(
        Row(
            (
                say(str(place)),
                say(candidate_words(finding.candidate, space)),
                joined((reading.measured(result) for result in finding.results), "; "),
                *(say(_figure(check)) for check in finding.checks),
                say(finding.standing.value),
            )
        )
        for place, finding in enumerate(findings.within[:_LISTED], start=1)
    )
    if rows:
        yield Heading(say("Ranking"), "ranking")
        asked = tuple(f"{limit.name} ({limit_words(limit)})" for limit in limits)
        caption = say(
            f"The best {len(rows)} of {count(len(findings.within), 'candidate')} within the constraints"
        )
        numeric = frozenset(range(3, 3 + len(limits)))
        yield Table(caption, ("", "Candidate", "Routine values", *asked, "Standing"), rows, numeric)
    yield from _better_outside(reading, findings)


def _better_outside(reading: Reading, findings: Findings) -> Iterator[Block]:
    best = next(iter(findings.within), None)
    ahead = findings.ranked[: findings.ranked.index(best)] if best else findings.ranked
    if not ahead:
        return
    name = candidate_words(ahead[0].candidate, reading.facts.spec.space)
    missed = ", ".join(check.constraint.name for check in ahead[0].checks if not check.met)
    values = joined((reading.measured(result) for result in ahead[0].results), "; ")
    noun = count(len(ahead), "measured candidate")
    verb = "is" if len(ahead) == 1 else "are"
    than = "better than the best of these but " if best else ""
    start = f"{noun} {verb} {than}outside the constraints; the best of them is {name} at "
    yield Paragraph((Words(start), *values, Words(f" (not met: {missed}).")), quiet=True)
