"""The report as a whole: one file, well formed, every reference resolved, every state of a campaign."""

import re
import subprocess
import sys
from collections.abc import Callable
from time import process_time

import pytest

from moonloop.domain.facts import CampaignFacts, MeasurementFact
from moonloop.report import Report, render
from unit.report import factors, quinones
from unit.report.notebook import Notebook
from unit.report.pages import Page


def _planned() -> CampaignFacts:
    facts = quinones.campaign(done=False, cycles=1)
    cycle = facts.cycles[0].model_copy(update={"jobs": (), "closed_at": None})
    return facts.model_copy(update={"cycles": (cycle,)})


_CAMPAIGNS: dict[str, Callable[[], CampaignFacts]] = {
    "running": lambda: quinones.campaign(done=False, cycles=4),
    "done": quinones.campaign,
    "minimised, over factors, simulated": factors.campaign,
    "draft": factors.draft,
    "without claims or references": lambda: quinones.campaign(cycles=2, references=()).model_copy(
        update={"hypotheses": ()}
    ),
    "planned only": _planned,
}


def _measured(facts: CampaignFacts) -> list[MeasurementFact]:
    return [found for cycle in facts.cycles for job in cycle.jobs for found in job.measurements]


@pytest.fixture(scope="module", params=list(_CAMPAIGNS.values()), ids=list(_CAMPAIGNS))
def rendered(request: pytest.FixtureRequest) -> tuple[CampaignFacts, Report]:
    """Facts of a campaign in some state, with their report."""
    facts: CampaignFacts = request.param()
    return facts, render(facts)


def test_every_element_is_closed_and_every_id_is_unique(rendered: tuple[CampaignFacts, Report]) -> None:
    """The page is well formed in every state of a campaign."""
    page = Page(rendered[1].html)
    assert sorted(set(page.ids)) == sorted(page.ids)


def test_every_link_leads_somewhere_in_the_page(rendered: tuple[CampaignFacts, Report]) -> None:
    """A reader who follows a reference arrives; nothing but a published work is outside."""
    page = Page(rendered[1].html)
    assert {link for link in page.links if not link.startswith("https://doi.org/")} <= {
        f"#{anchor}" for anchor in page.ids
    }


def test_every_link_of_the_markdown_leads_to_an_anchor_of_it(rendered: tuple[CampaignFacts, Report]) -> None:
    """The Markdown's references resolve by themselves, without a renderer's own heading ids."""
    markdown = rendered[1].markdown
    anchors = set(re.findall(r'<a id="([\w-]+)"></a>', markdown))
    assert set(re.findall(r"\]\(#([^)]*)\)", markdown)) <= anchors


def test_every_measurement_has_its_row_with_all_hashes(rendered: tuple[CampaignFacts, Report]) -> None:
    """Whatever was measured can be traced to its attempt, its spec, its plan and its artifacts."""
    facts, report = rendered
    page = Page(report.html)
    for cycle in facts.cycles:
        for job in cycle.jobs:
            for found in job.measurements:
                attempt = next(attempt for attempt in job.attempts if attempt.id == found.attempt_id)
                assert found.id in page.ids
                assert cycle.plan is not None
                sources = [attempt.id, job.spec_sha256, cycle.plan.sha256]
                sources += [artifact.sha256 for artifact in attempt.artifacts]
                row = report.html.split(f'id="{found.id}"')[1].split("</tbody>")[0]
                assert [source for source in sources if source not in row] == []


def test_every_measured_number_stands_beside_its_measurement(
    rendered: tuple[CampaignFacts, Report],
) -> None:
    """Where a value with its uncertainty has a reference, it is that measurement's value; each occurs."""
    facts, report = rendered
    values = {found.id: found.value for found in _measured(facts)}
    stated = re.findall(r"(−?[\d.]+) ± [\d.]+\xa0\S+ <a href=\"#(mea_\w+)\"", report.html)
    assert {measurement for _, measurement in stated} == set(values)
    decimals = 2 if facts.spec.objective.width > 10 else 3
    assert [f"{values[name]:.{decimals}f}" for _, name in stated] == [value for value, _ in stated]


def test_the_markdown_says_what_the_page_says(rendered: tuple[CampaignFacts, Report]) -> None:
    """Both are written from the same blocks: every table row and every hash is in both."""
    facts, report = rendered
    hashes = set(re.findall(r"\b[0-9a-f]{64}\b", report.html))
    assert set(re.findall(r"\b[0-9a-f]{64}\b", report.markdown)) == hashes
    assert {found.id for found in _measured(facts) if found.id not in report.markdown} == set()


def test_the_same_facts_give_the_same_bytes(done: CampaignFacts, report: Report) -> None:
    """A report can be made again and compared by its hash."""
    again = CampaignFacts.model_validate_json(done.model_dump_json())
    assert render(again) == report


def test_another_interpreter_gives_the_same_bytes(report: Report) -> None:
    """Nothing of the report hangs on hash seeds, object addresses or the order of a set."""
    program = (
        "import sys; from hashlib import sha256; sys.path.insert(0, 'tests');"
        "from unit.report.quinones import campaign; from moonloop.report import render;"
        "from moonloop.domain.reviews import DeciderKind;"
        "print(sha256(render(campaign(decider=DeciderKind.UNATTENDED)).html.encode()).hexdigest())"
    )
    from hashlib import sha256

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert sha256(report.html.encode()).hexdigest() == done.stdout.strip()


def test_the_page_asks_for_nothing_and_runs_nothing(page: Page) -> None:
    """It is one file: no script, no style sheet, image, font or frame from elsewhere."""
    names = {name for name, _ in page.tags}
    assert names & {"script", "img", "iframe", "object", "embed", "image", "form", "base"} == set()
    sources = [given["href"] for name, given in page.tags if name == "link"]
    assert sources == ["data:,"]
    attributes = {attribute for _, given in page.tags for attribute in given}
    assert {name for name in attributes if name.startswith("on") or name in ("src", "srcset")} == set()
    policy = [given["content"] for name, given in page.tags if name == "meta" and "content" in given]
    assert any("default-src 'none'" in content for content in policy)


def test_styles_reach_for_nothing(report: Report) -> None:
    """No style imports anything or names an address."""
    assert re.findall(r"@import|url\((?!#)", report.html) == []


def test_figures_have_captions_and_their_points_lead_to_measurements(
    done: CampaignFacts, report: Report
) -> None:
    """Every figure is captioned, and every routine value is a link in the figure of the search."""
    assert report.html.count("<figure ") == report.html.count("<figcaption>") > 0
    figure = report.html.split('id="figure-progress"')[1].split("</figure>")[0]
    links = set(re.findall(r'href="#(mea_\w+)"', figure))
    routine = {
        found.id
        for cycle in done.cycles
        if cycle.plan
        for run, job in zip(cycle.plan.plan.runs, cycle.jobs, strict=True)
        if run.purpose not in ("confirmation", "reference")
        for found in job.measurements
    }
    assert routine == links


def test_text_in_figures_is_text(report: Report) -> None:
    """Axis titles can be searched, selected and read aloud."""
    assert ">reduction potential / V</text>" in report.html


def test_a_campaign_with_no_cycle_has_a_report() -> None:
    """Facts with nothing in them are no error."""
    page = Page(render(Notebook(quinones.spec()).facts(done=False)).html)
    assert "Nothing has been measured yet" in page.text


def test_a_thousand_experiments_take_seconds() -> None:
    """The report of a large campaign costs less than ten seconds of processor time."""
    facts = quinones.campaign(cycles=200)
    began = process_time()
    report = render(facts)
    assert process_time() - began < 10
    assert facts.summary.experiments_done == 1_000
    assert all(found.id in report.html for found in _measured(facts))
