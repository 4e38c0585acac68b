"""Every hypothesis: what was claimed, what the evidence says, and what it rests on."""

from collections import defaultdict
from collections.abc import Iterator

from moonloop.domain.claims import Effect, Evidence
from moonloop.domain.facts import HypothesisFact
from moonloop.domain.lifecycles import HypothesisState
from moonloop.domain.numbers import clock, evidence, figure
from moonloop.report import charts
from moonloop.report.blocks import (
    Block,
    Code,
    Figure,
    Gallery,
    Heading,
    Link,
    Paragraph,
    Prose,
    Row,
    Section,
    Strong,
    Table,
    Terms,
    say,
)
from moonloop.report.records import Reading, RunRecord
from moonloop.report.wording import candidate_words, claim_words, count

__all__ = ["hypotheses"]

_UNFINISHED = (HypothesisState.REGISTERED, HypothesisState.TESTING)


def hypotheses(reading: Reading) -> Section:
    """Return the section on the hypotheses."""
    facts = reading.facts.hypotheses
    if not facts:
        words = say("No hypothesis was registered, so none was tested.")
        return Section("hypotheses", "Hypotheses", (Paragraph(words),))
    alpha = figure(facts[0].hypothesis.alpha)
    note = (
        "Each claim was registered before any datum that tests it, with its rule and its seed. An e-value "
        "is the factor by which a bet against a null hypothesis has multiplied its stake; whatever the "
        "stopping time, a true null lets it pass 1/a with a probability of at most a (Ville; Waudby-Smith "
        "and Ramdas, J. R. Stat. Soc. B 86, 1, 2024). With the thresholds used here the expected share of "
        f"wrong verdicts is at most {alpha}. Only runs drawn at random for a test count as evidence, never "
        "the designer's picks."
    )
    blocks: list[Block] = [Paragraph(say(note))]
    for fact in facts:
        blocks += _hypothesis(reading, fact)
    return Section("hypotheses", "Hypotheses", tuple(blocks))


def _hypothesis(reading: Reading, fact: HypothesisFact) -> Iterator[Block]:
    number = fact.hypothesis.number
    proposed = fact.hypothesis.proposed
    title = say(f"H{number}. {proposed.statement}", reading.mark(proposed.proposer))
    yield Heading(title, f"hypothesis-{number}")
    yield Paragraph(say(Strong(f"{reading.state(fact).capitalize()}."), " ", _judgement(reading, fact)))
    yield Terms(tuple(_terms(reading, fact)))
    if fact.evidence:
        yield _trail(reading, fact)
        yield Gallery((_figure(reading, fact),))
    yield from _data(reading, fact)


def _judgement(reading: Reading, fact: HypothesisFact) -> str:
    last = fact.evidence[-1] if fact.evidence else None
    if last is None or last.n == 0:
        withdrawn = " It was withdrawn." if fact.state is HypothesisState.WITHDRAWN else ""
        return f"No datum that counts has come in, so nothing can be said of it.{withdrawn}"
    unit = "matched pair" if isinstance(fact.hypothesis.proposed.claim, Effect) else "predicted run"
    data = count(last.n, unit)
    if fact.state is HypothesisState.SUPPORTED:
        return f"{_passed('support', last.e_support, last, data)} {_decided(fact)}"
    if fact.state is HypothesisState.REFUTED:
        return f"{_passed('refutation', last.e_refute, last, data)} {_decided(fact)}"
    return _undecided(reading.state(fact) in _UNFINISHED, last, data, unit)


def _passed(what: str, e_value: float, last: Evidence, data: str) -> str:
    threshold = evidence(last.threshold)
    return f"After {data} the e-value for {what} is {evidence(e_value)}; {threshold} was needed to decide."


def _decided(fact: HypothesisFact) -> str:
    prior = figure(fact.hypothesis.proposed.probability, 2)
    when = f"The verdict fell in cycle {fact.decided_in}. " if fact.decided_in is not None else ""
    return f"{when}The proposer had given the claim a probability of {prior}."


def _undecided(open_still: bool, last: Evidence, data: str, unit: str) -> str:
    start = "So far neither side is decided" if open_still else "The campaign ended without a decision"
    if last.projected is None:
        need = "At the present rate the evidence does not grow, so no amount can be projected."
    else:
        need = (
            f"At the present rate of evidence about {count(last.projected, f'more {unit}')} would be needed."
        )
    return (
        f"{start}: after {data} the e-values are {evidence(last.e_support)} for and "
        f"{evidence(last.e_refute)} against, and {evidence(last.threshold)} is needed. Undecided says that "
        f"the data do not tell; it does not say that there is no effect. {need}"
    )


def _terms(reading: Reading, fact: HypothesisFact) -> Iterator[tuple[str, Prose]]:
    hypothesis = fact.hypothesis
    proposed = hypothesis.proposed
    delta, cap = reading.amount(hypothesis.delta), reading.amount(hypothesis.cap)
    yield "claim", say(claim_words(proposed.claim, reading.facts.spec, delta, cap))
    yield "mechanism", say(proposed.mechanism or "none given")
    chance = figure(proposed.probability, 2)
    yield "proposed by", say(reading.proposer(proposed.proposer), f", with probability {chance}")
    if proposed.evidence:
        yield "evidence named", reading.cite(proposed.evidence)
    number = hypothesis.registered_in
    begun = any(cycle.number == number for cycle in reading.facts.cycles)
    cycle = Link(f"cycle {number}", f"cycle-{number}") if begun else f"cycle {number}"
    yield "registered", say(f"{clock(fact.registered_at)} UTC, for ", cycle, " on; ", Code(hypothesis.id))
    weight = figure(hypothesis.weight, 3)
    yield (
        "rule",
        say(
            f"smallest effect of interest {delta}, cap {cap}, weight {weight} of α = "
            f"{figure(hypothesis.alpha)}, seed {hypothesis.seed}"
        ),
    )
    if fact.evidence and fact.evidence[-1].n:
        last = fact.evidence[-1]
        yield "capped mean", say(_estimate(reading, last))
        yield "rests on", reading.cite(last.measurements)


def _estimate(reading: Reading, entry: Evidence) -> str:
    if entry.estimate is None:
        return ""
    interval = _interval(reading, entry)
    return reading.difference(entry.estimate) + (f" (confidence sequence {interval})" if interval else "")


def _interval(reading: Reading, entry: Evidence) -> str:
    if entry.low is None or entry.high is None:
        return ""
    return f"{reading.difference(entry.low)} to {reading.difference(entry.high)}"


def _trail(reading: Reading, fact: HypothesisFact) -> Table:
    rows = tuple(
        Row(
            (
                _last_cycle(reading, entry),
                say(f"{entry.n}" + (f" ({entry.failed} failed)" if entry.failed else "")),
                say("" if entry.estimate is None else reading.difference(entry.estimate)),
                say(_interval(reading, entry)),
                say(evidence(entry.e_support)),
                say(evidence(entry.e_refute)),
                say(evidence(entry.threshold)),
                say(entry.verdict.value),
            )
        )
        for entry in fact.evidence
    )
    head = (
        "After cycle",
        "n",
        "Capped mean",
        "Confidence sequence",
        "E for",
        "E against",
        "Threshold",
        "Verdict",
    )
    return Table(
        say(f"Evidence on H{fact.hypothesis.number} as it came in"), head, rows, frozenset({1, 2, 4, 5, 6})
    )


def _last_cycle(reading: Reading, entry: Evidence) -> Prose:
    results = [reading.of_measurement(measurement) for measurement in entry.measurements]
    cycles = [result.record.cycle for result in results if result and result.record]
    return say(Link(str(max(cycles)), f"cycle-{max(cycles)}")) if cycles else say("none")


def _figure(reading: Reading, fact: HypothesisFact) -> Figure:
    number = fact.hypothesis.number
    caption = say(
        f"H{number}: both e-values over the data that count, and the threshold, which falls with every "
        "verdict of the campaign. The data are ",
        reading.cite(fact.evidence[-1].measurements) or "none",
        ".",
    )
    svg = charts.evidence(f"evidence-{number}", fact.evidence)
    return Figure(f"figure-evidence-{number}", "", f"E-values of hypothesis {number} against n", svg, caption)


def _data(reading: Reading, fact: HypothesisFact) -> Iterator[Table]:
    blocks: dict[int, dict[str, RunRecord]] = defaultdict(dict)
    for record in reading.records:
        test = record.run.test
        if test is not None and test.hypothesis_id == fact.hypothesis.id:
            blocks[test.block][test.arm] = record
    if not blocks:
        return
    if isinstance(fact.hypothesis.proposed.claim, Effect):
        yield _pairs(reading, fact, fact.hypothesis.proposed.claim, blocks)
    else:
        yield _predictions(reading, fact, [arms["single"] for arms in blocks.values() if "single" in arms])


def _pairs(
    reading: Reading, fact: HypothesisFact, claim: Effect, blocks: dict[int, dict[str, RunRecord]]
) -> Table:
    rows = tuple(Row(tuple(_pair(reading, fact, block, arms))) for block, arms in sorted(blocks.items()))
    head = (
        "Pair",
        "Setting with A",
        f"A: {claim.level_a}",
        f"B: {claim.level_b}",
        "Advantage of A",
        "Counts as",
    )
    return Table(say(f"Matched pairs of H{fact.hypothesis.number}"), head, rows, frozenset({4, 5}))


def _pair(reading: Reading, fact: HypothesisFact, block: int, arms: dict[str, RunRecord]) -> Iterator[Prose]:
    first = arms.get("a")
    space = reading.facts.spec.space
    yield say(str(block + 1))
    yield say(candidate_words(first.run.candidate, space), " (", first.link, ")") if first else ()
    for arm in ("a", "b"):
        record = arms.get(arm)
        yield reading.outcome(record) if record else say("not run")
    values = [result for arm in ("a", "b") if arm in arms and (result := reading.of_run(arms[arm]))]
    if len(values) < 2:
        yield ()
        yield say("by the rule for failed runs")
        return
    better = reading.objective.sign * (values[0].fact.value - values[1].fact.value)
    cap = fact.hypothesis.cap
    yield say(reading.difference(better))
    yield say(reading.difference(max(-cap, min(cap, better))))


def _predictions(reading: Reading, fact: HypothesisFact, records: list[RunRecord]) -> Table:
    rows = tuple(Row(tuple(_prediction(reading, fact, record))) for record in records)
    head = ("Run", "Candidate", "Predicted", "Measured", "Error", "Counts as")
    caption = say(f"Predictions of H{fact.hypothesis.number}, fixed before their runs")
    return Table(caption, head, rows, frozenset({2, 4, 5}))


def _prediction(reading: Reading, fact: HypothesisFact, record: RunRecord) -> Iterator[Prose]:
    predicted = record.run.test.predicted if record.run.test else None
    result = reading.of_run(record)
    yield say(record.link)
    yield say(candidate_words(record.run.candidate, reading.facts.spec.space))
    yield say("" if predicted is None else reading.amount(predicted))
    yield reading.outcome(record)
    if predicted is None or result is None:
        yield ()
        yield say("by the rule for failed runs")
        return
    error = abs(result.fact.value - predicted)
    yield say(reading.amount(error))
    yield say(reading.amount(min(error, fact.hypothesis.cap)))
