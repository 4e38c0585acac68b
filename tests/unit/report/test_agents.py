"""Agents in the report: who took part, what came of it, and whose words are whose."""

import re

import pytest

from moonloop.domain import ids
from moonloop.domain.agent_words import SCRIPTED
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.proposals import Sentence
from moonloop.report import Report, render
from support.agent_facts import ADVISOR, MODEL, PROPOSER, REPORTER, thinking
from unit.report import quinones
from unit.report.pages import Page

ATTEMPT = ids.attempt_id(ids.job_id(ids.plan_id("cmp_01k9zq3v7h2m4x5a", 1), 0), 1)
STRUCK = "(a sentence was struck: it named a figure that does not resolve)"
SENTENCES = (
    Sentence(text="The search measured {runs.measured} candidates in {cycles} cycles."),
    Sentence(text="", struck=True),
    Sentence(text=f"A nitrile reached {{measurement.{ids.measurement_id(ATTEMPT, 0)}}}."),
    Sentence(text="It cost {invented.figure} in all."),
    Sentence(text="It took 12345 hours."),
)


@pytest.fixture(scope="module")
def facts() -> CampaignFacts:
    """A campaign in which a model took part."""
    return thinking(quinones.campaign(cycles=4), sentences=SENTENCES)


@pytest.fixture(scope="module")
def report(facts: CampaignFacts) -> Report:
    """The report of it."""
    return render(facts)


@pytest.fixture(scope="module")
def scripted() -> Report:
    """The report of the same campaign, played by a script."""
    return render(thinking(quinones.campaign(cycles=4), scripted=True, sentences=SENTENCES))


def _section(report: Report, anchor: str) -> str:
    return report.markdown.partition(f'<a id="{anchor}"></a>\n\n## ')[2].partition("\n## ")[0]


def _text(report: Report) -> str:
    return Page(report.html).text


def test_an_algorithmic_campaign_says_nothing_of_agents() -> None:
    """No section, no narrative and no notice: the report is that of before."""
    facts = quinones.campaign(cycles=4)
    plain = render(facts)

    assert "## Agents" not in plain.markdown
    assert "agent" not in plain.markdown.lower()
    assert SCRIPTED not in plain.html
    assert plain.html == render(facts.model_copy(update={"standings": thinking(facts).standings})).html


def test_the_agents_come_after_the_robots(report: Report) -> None:
    """Where a reader expects them."""
    titles = re.findall(r"^## (.+)$", report.markdown, re.MULTILINE)

    assert titles.index("Agents") == titles.index("Robots, failures and incidents") + 1


def test_who_took_part_is_told_with_what_it_took(report: Report) -> None:
    """Role, model, prompt version, tasks and tokens, summed over the cycles."""
    told = _section(report, "agents")
    prompt = PROPOSER.rpartition("@")[2]

    assert f"| proposer | `{MODEL}` | `{prompt}` | a model | 2 | 2 | 6 | 8,000 | 75% | 500 | 0.025" in told
    assert f"| critic | `{MODEL}` | `{prompt}` | a model | 2 | 0 |" in told
    assert "| proposer | none |   | nobody | 2 | 0 | 0 | 0 |" in told
    assert "36,000 tokens read, 75% of which the servers had computed before, 2,250 tokens written" in told


def test_each_cycle_says_who_thought_along(report: Report) -> None:
    """With the agents that decided, and alone where no endpoint answered."""
    told = _section(report, "agents")

    assert "the algorithmic scientist with the proposer, the advisor, the analyst; the critic gave no" in told
    assert "answer that can be used: the answer is no JSON" in told
    assert "[Cycle 3](#cycle-3): the algorithmic scientist alone: no endpoint answered." in told


def test_the_cycles_name_their_proposers(report: Report) -> None:
    """With those that decided, or why there were none."""
    told = _text(report)

    assert f"proposed by the algorithmic scientist with {PROPOSER}, {ADVISOR}: " in told
    assert "the algorithmic scientist alone (no agent answered: no endpoint answers): " in told


def test_standings_are_shown_with_their_record(report: Report) -> None:
    """Weight, share and hits."""
    told = _section(report, "agents")

    assert re.search(r"\| advisor/kestrel-8b@\w+ \| 1.31 \| 24% \| 0 of 0 \| 1 of 2 \|", told)
    assert re.search(r"\| proposer/kestrel-8b@\w+ \| 0.04 \| 0% \| 1 of 3 \| 0 of 0 \|", told)


def test_suggested_runs_are_held_against_their_bar(report: Report) -> None:
    """Better and not better, as the rule of trust counts it."""
    told = _section(report, "agents")

    assert 1 == len(re.findall(r"\| better \(", told))
    assert 1 == len(re.findall(r"\| not better \(", told))
    assert "figure-agent-shares" in report.html


def test_a_suggested_run_is_no_pick_of_the_designer_s(report: Report) -> None:
    """In the tables of cycles and of runs too."""
    assert 2 == _section(report, "runs").count("| agent's suggestion |")
    assert "3 designer's pick, 2 of them suggested by agents" in _section(report, "cycles")


def test_findings_are_no_verdicts(report: Report) -> None:
    """Said in so many words, and every one names its measurements."""
    told = _section(report, "agents")

    assert "Findings are not verdicts" in told
    assert re.search(r"“The nitriles stand out.” \(probability 0.6; \[m\d+\]\(#mea", told.replace("\\", ""))


def test_figures_of_the_narrative_are_printed_by_code(report: Report, facts: CampaignFacts) -> None:
    """A name in braces becomes the ledger's figure, with its measurements beside it."""
    told = report.markdown.partition("In an agent's words")[2].partition("\n## ")[0]
    measured = sum(bool(job.measurements) for cycle in facts.cycles for job in cycle.jobs)

    assert f"The search measured {measured} candidates in 5 cycles." in told
    assert re.search(r"A nitrile reached 0.\d+ ± 0.\d+ V \(\[m\d+\]", told)
    assert "{" not in told


def test_a_sentence_that_does_not_resolve_is_struck(report: Report) -> None:
    """One that was struck, one that names no figure, and one with a number of its own: none is shown."""
    told = _text(report)

    assert 3 == told.count(STRUCK)
    assert "It cost" not in told
    assert "12345" not in told


def test_the_narrative_names_its_author(report: Report) -> None:
    """A reader knows whose words they are."""
    assert f"Written by {REPORTER}. The words are the agent's" in _text(report)


def test_a_claim_of_an_agent_names_what_it_rests_on(report: Report) -> None:
    """A measurement is a link, a passage is its id."""
    told = _section(report, "hypotheses")

    assert re.search(r"- \*\*evidence named\*\*: \[m\d+\]\(#mea\S+\) `lit_0a1b2c3d_4`", told)
    assert f"{PROPOSER}, with probability 0.9" in told.replace("\\", "")


def test_a_script_is_named_wherever_it_shows(scripted: Report) -> None:
    """In the notice, beside every task, standing, suggestion, claim and finding, and under the narrative."""
    text, told = _text(scripted), _section(scripted, "agents")

    assert "Scripted agents. " in text
    assert f"Written by {REPORTER} {SCRIPTED}. The words" in text
    assert f"proposed by the algorithmic scientist with {PROPOSER} {SCRIPTED}, {ADVISOR} {SCRIPTED}:" in text
    for line in told.splitlines():
        answered = MODEL in line or "Cycle 1" in line or "Cycle 2" in line or "nitriles" in line
        assert not answered or SCRIPTED in line, line
    claims = _section(scripted, "hypotheses")
    assert f"*{SCRIPTED}*, with probability" in claims
    assert re.search(rf"^### H1.*\*{SCRIPTED}\*$", claims, re.MULTILINE)
    suggested = [line for line in _section(scripted, "runs").splitlines() if "agent's suggestion" in line]
    assert [True, True] == [SCRIPTED in line for line in suggested]


def test_a_model_is_never_called_a_script(report: Report) -> None:
    """The mark means something."""
    assert SCRIPTED not in report.html
    assert SCRIPTED not in report.markdown


def test_agents_that_have_done_nothing_yet_are_said_to() -> None:
    """A campaign that has just begun has a section all the same."""
    begun = thinking(quinones.campaign(cycles=1, done=False))
    empty = begun.model_copy(update={"cycles": (), "standings": (), "hypotheses": ()})

    assert "No agent has had a task yet." in _section(render(empty), "agents")
