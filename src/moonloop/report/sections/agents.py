"""Who thought along: the agents, what came of their tasks, what they took, and what say they have earned."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from moonloop.domain.agent_words import ended, model_of, prompt_of
from moonloop.domain.agents import Role
from moonloop.domain.facts import AgentFact, CycleFact
from moonloop.domain.lifecycles import JobState
from moonloop.domain.numbers import figure, with_unit
from moonloop.domain.plans import Suggested
from moonloop.domain.proposals import Findings
from moonloop.report import charts
from moonloop.report.blocks import (
    Block,
    Bullets,
    Code,
    Figure,
    Gallery,
    Heading,
    Inline,
    Link,
    Paragraph,
    Prose,
    Row,
    Section,
    Table,
    joined,
    say,
)
from moonloop.report.records import SCRIPTED_MARK, Reading, RunRecord
from moonloop.report.wording import candidate_words, count

__all__ = ["agents"]

_RULE = (
    "Agents advise, code decides: what an agent writes is parsed, checked, and scored against what then "
    "happens, and it has as much say as that record has earned. The algorithmic scientist keeps a part of "
    "every batch, and no verdict depends on who proposed a claim."
)
_WEIGHT = (
    "The weight is the wealth of a bet against the base rate of the algorithm's own claims and picks, 1 at "
    "the start, at half Kelly: q / r on a hit and (1 − q) / (1 − r) on a miss, for the base rate r and q "
    "halfway between r and the probability that was stated. The share is 0.6 W / (W + 11), and none below a "
    "weight of 0.05. Claims count over all campaigns of the ledger, candidates in this one."
)


def agents(reading: Reading) -> Section:
    """Return the section on the agents, for a campaign in which they take part."""
    blocks: list[Block] = [Paragraph(say(_RULE))]
    if reading.agents:
        blocks += [_who(reading), Paragraph(say(_taken(reading))), *_cycles(reading)]
    else:
        blocks.append(Paragraph(say("No agent has had a task yet.")))
    for part in (_standings, _suggested, _findings):
        blocks += part(reading)
    return Section("agents", "Agents", tuple(blocks))


# Who took part.


def _who(reading: Reading) -> Table:
    groups: dict[tuple[Role, str, bool], list[AgentFact]] = defaultdict(list)
    for fact in reading.agents:
        groups[fact.role, fact.proposer, fact.scripted].append(fact)
    rows = tuple(Row(tuple(_member(reading, group))) for group in groups.values())
    head = (
        "Role", "Model", "Prompt", "Answers by", "Tasks", "Decided", "Turns", "Tokens read", "Cached",
        "Tokens written", "Cost",
    )  # fmt: skip
    caption = say("Who took part; another model or another prompt is another proposer")
    return Table(caption, head, rows, frozenset(range(4, len(head))))


def _member(reading: Reading, group: Sequence[AgentFact]) -> Iterator[Prose]:
    first = group[0]
    answered = model_of(first.proposer)
    yield say(first.role.value)
    yield say(Code(answered) if answered else "none")
    yield say(Code(prompt_of(first.proposer))) if answered else ()
    yield say(SCRIPTED_MARK) if first.scripted else say("a model" if answered else "nobody")
    yield say(str(len(group)))
    yield say(str(sum(fact.status == "decided" for fact in group)))
    yield say(f"{sum(fact.turns for fact in group):,}")
    read = sum(fact.prompt_tokens for fact in group)
    yield say(f"{read:,}")
    yield say(_share(sum(fact.cached_tokens for fact in group), read))
    yield say(f"{sum(fact.completion_tokens for fact in group):,}")
    yield say(_cost(reading, group))


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _cost(reading: Reading, group: Sequence[AgentFact]) -> str:
    return with_unit(figure(sum(fact.cost for fact in group)), reading.facts.spec.budget.currency)


def _taken(reading: Reading) -> str:
    told = reading.agents
    read = sum(fact.prompt_tokens for fact in told)
    cached = _share(sum(fact.cached_tokens for fact in told), read)
    known = f", {cached} of which the servers had computed before" if cached else ""
    return (
        f"In all {count(len(told), 'task')} took {count(sum(fact.turns for fact in told), 'model call')}, "
        f"{count(read, 'token')} read{known}, "
        f"{count(sum(fact.completion_tokens for fact in told), 'token')} written, and {_cost(reading, told)}."
    )


# What came of each cycle.


def _cycles(reading: Reading) -> Iterator[Block]:
    yield Heading(say("Cycle by cycle"), "agents-cycles")
    yield Bullets(tuple(_cycle(cycle) for cycle in reading.facts.cycles))


def _cycle(cycle: CycleFact) -> Prose:
    thinking = [fact for fact in cycle.agents if fact.role is not Role.REPORTER]
    decided = [fact for fact in thinking if fact.status == "decided"]
    others = [fact for fact in cycle.agents if fact.status != "decided"]
    parts: list[Prose] = []
    if decided:
        names = joined(say(f"the {fact.role}", *_marked(fact)) for fact in decided)
        parts.append(say("the algorithmic scientist with ", names))
    else:
        parts.append(say(f"the algorithmic scientist alone: {_alone(thinking)}"))
    if decided or any(fact.status not in ("unavailable", "open") for fact in thinking):
        parts += [say(f"the {fact.role} {ended(fact)}", *_marked(fact)) for fact in others]
    parts += [say("the reporter wrote", *_marked(fact)) for fact in cycle.agents if _wrote(fact)]
    return say(Link(f"Cycle {cycle.number}", f"cycle-{cycle.number}"), ": ", joined(parts, "; "), ".")


def _wrote(fact: AgentFact) -> bool:
    return fact.role is Role.REPORTER and fact.status == "decided"


def _alone(thinking: Sequence[AgentFact]) -> str:
    if not thinking:
        return "no agent had a task"
    if all(fact.status == "unavailable" for fact in thinking):
        return "no endpoint answered"
    if any(fact.status == "open" for fact in thinking):
        return "agents are at work"
    return "no agent decided anything"


def _marked(fact: AgentFact) -> tuple[Inline | str, ...]:
    return (" ", SCRIPTED_MARK) if fact.scripted else ()


# What say they have earned.


def _standings(reading: Reading) -> Iterator[Block]:
    standings = reading.facts.standings
    yield Heading(say("What say they have earned"), "standings")
    if not standings:
        yield Paragraph(say("No agent has a record yet."))
        return
    rows = tuple(
        Row(
            (
                reading.proposer(one.proposer),
                say(figure(one.weight, 3)),
                say(f"{one.share:.0%}"),
                say(f"{one.claims_supported} of {one.claims}"),
                say(f"{one.candidates_better} of {one.candidates}"),
            )
        )
        for one in standings
    )
    head = ("Proposer", "Weight", "Share of the picks", "Claims supported", "Candidates better")
    yield Table(say("Standings at the end of the facts"), head, rows, frozenset({1, 2, 3, 4}))
    yield Paragraph(say(_WEIGHT), quiet=True)


# What they suggested.


def _suggested(reading: Reading) -> Iterator[Block]:
    ours = [(record, record.run.suggested) for record in reading.records if record.run.suggested]
    if not ours:
        return
    yield Heading(say("Runs that agents suggested"), "suggested")
    yield Paragraph(
        say(
            "Each took the place of a pick of the designer's. The bar, fixed beforehand, is what the "
            "surrogate expected of that pick."
        )
    )
    rows = tuple(Row(tuple(_suggestion(reading, record, said))) for record, said in ours)
    head = ("Run", "Candidate", "Suggested by", "Said", "Bar", "Result", "Against the bar")
    yield Table(say(f"{count(len(ours), 'run')} on an agent's word"), head, rows, frozenset({3, 4}))
    yield from _drawn(reading)


def _suggestion(reading: Reading, record: RunRecord, said: Suggested) -> Iterator[Prose]:
    yield say(record.link)
    yield say(candidate_words(record.run.candidate, reading.facts.spec.space))
    yield reading.proposer(said.proposer)
    yield say(figure(said.probability, 2))
    yield say(reading.amount(said.bar))
    yield reading.outcome(record)
    yield say(_against(reading, record, said))


def _against(reading: Reading, record: RunRecord, said: Suggested) -> str:
    result = reading.of_run(record)
    if result is not None:
        above = result.fact.value - said.bar
        better = reading.objective.sign * above > 0
        return f"{'better' if better else 'not better'} ({reading.difference(above)})"
    if record.job is not None and record.job.state is JobState.FAILED:
        return "not better: it failed"
    cancelled = record.job is not None and record.job.state is JobState.CANCELLED
    return "does not count" if cancelled else "open"


def _drawn(reading: Reading) -> Iterator[Block]:
    svg = charts.agent_shares(reading)
    if svg:
        caption = say("The part of each batch that was run on an agent's word.")
        title = "Part of each batch on an agent's word, by cycle"
        yield Gallery((Figure("figure-agent-shares", "", title, svg, caption),))


# What they see in the data.


def _findings(reading: Reading) -> Iterator[Block]:
    told = [(fact, fact.decision) for fact in reading.agents if isinstance(fact.decision, Findings)]
    if not any(decision.findings for _, decision in told):
        return
    yield Heading(say("What the analyst sees"), "findings")
    yield Paragraph(
        say(
            "Findings are not verdicts: they are an agent's words on the data it names, nothing was decided "
            "by them, and figures in them are its own."
        )
    )
    yield Bullets(
        tuple(
            say(
                Link(f"Cycle {fact.cycle}", f"cycle-{fact.cycle}"),
                f": “{finding.statement}” (probability {figure(finding.probability, 2)}; ",
                reading.cite(finding.measurements),
                ")",
                *_marked(fact),
            )
            for fact, decision in told
            for finding in decision.findings
        )
    )
