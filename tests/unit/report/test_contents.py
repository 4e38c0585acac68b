"""What the report says: who allowed what, what held, what failed, and what is only simulated."""

import re

import pytest

from moonloop.domain.facts import BudgetFact, CampaignFacts
from moonloop.domain.lifecycles import IncidentState
from moonloop.domain.results import Quality
from moonloop.domain.reviews import DeciderKind
from moonloop.domain.robots import RobotKind
from moonloop.report import Report, render
from unit.report import factors, quinones
from unit.report.pages import Page


def _opening(report: Report) -> str:
    return report.markdown.split('<a id="candidates">')[0]


def _section(report: Report, anchor: str) -> str:
    return report.markdown.split(f'<a id="{anchor}"></a>\n\n## ')[1].split("\n## ")[0]


def test_approvals_by_nobody_are_told_at_the_top(report: Report) -> None:
    """A reader learns before anything else that no person looked at the plans."""
    assert "13 approvals of this campaign's work were given by the unattended identity" in _opening(report)
    assert "No person looked at those plans before they ran." in _opening(report)


def test_approvals_by_a_person_need_no_notice() -> None:
    """The notice is for what is unusual."""
    said = render(quinones.campaign(cycles=2))
    assert "unattended" not in _opening(said)
    assert "| anna | a person |" in _section(said, "cycles")


def test_each_decision_names_who_what_and_the_hash_of_the_plan(done: CampaignFacts, report: Report) -> None:
    """The table of decisions holds the identity, its kind and the whole hash that it was about."""
    told = _section(report, "cycles")
    hashes = [cycle.plan.sha256 for cycle in done.cycles if cycle.plan]
    assert [sha256 for sha256 in hashes if f"plan `{sha256}`" not in told] == []
    assert told.count("| moonloop demo | the unattended identity |") == 13


def test_a_policy_is_named_with_its_version(simulated: CampaignFacts) -> None:
    """A decision by a policy says so, and which rules it followed."""
    assert "| a policy | first\\_cycle, version 1 |" in _section(render(simulated), "cycles")


def test_a_candidate_that_held_is_found(report: Report) -> None:
    """The best confirmed candidate is the headline, with its measurement."""
    assert "Found: it held in 3 of 3 confirmation runs." in report.markdown
    assert "The best confirmed candidate is [1,2-benzoquinone: 3-CN, 4-CN](#candidate-1)" in _opening(report)


def test_a_candidate_that_did_not_hold_is_not_found(report: Report) -> None:
    """The text says what happened: by how much which run was worse, and what was allowed."""
    assert "Not reported as found: it did not hold; 2 of 3 confirmation runs held." in report.markdown
    told = report.markdown.split("“second opinion” gave 0.665 ± 0.034 V ")[1]
    assert "0.310 V worse than the routine value (tolerance 0.100 V): did not hold." in told[:160]
    assert "One that did not hold when it was checked is not reported as found: " in _opening(report)


def test_a_confirmation_without_a_value_is_not_found(report: Report) -> None:
    """A failed check is told with its reason, and counts for nothing."""
    assert "Not reported as found: 2 of 3 confirmation runs held, not all gave a value." in report.markdown
    assert "“high fidelity” has no value: failed (The bonding changed" in report.markdown


def test_a_card_has_the_number_that_its_candidate_has_in_the_ranking() -> None:
    """Those that nobody checked have no card, and are counted all the same."""
    told = _section(render(quinones.campaign(checked=(1, 5, 8))), "candidates")
    cards = dict(re.findall(r"^### (\d+)\\?\. (.+?)(?: \([^()]+\))?$", told, re.MULTILINE))
    ranking = dict(re.findall(r"^\| (\d+) \| ([^|]+?) \|", told, re.MULTILINE))

    assert len(cards) > 2
    assert [] == [
        (place, name) for place, name in cards.items() if place in ranking and ranking[place] != name
    ]
    assert {place for place in cards if int(place) <= len(ranking)} <= ranking.keys()


def test_constraints_are_shown_with_their_figures(report: Report) -> None:
    """Each candidate shows what was computed, what was asked, and whether that is met."""
    assert "- **at most two free quinone C-H**: 2 matches (asked: at most 2 matches; met)" in report.markdown
    assert "- **soluble**: -0.844 (asked: ESOL log S at least -2; met)" in report.markdown


def test_better_candidates_outside_the_constraints_are_owned_up_to(report: Report) -> None:
    """The reader is told that something better was measured, and why it does not count."""
    assert "better than the best of these but outside the constraints" in report.markdown
    assert "(not met: no nitro group)." in report.markdown


def test_structures_are_drawn(report: Report) -> None:
    """Each card of a molecule has its formula, named for those who do not see it."""
    assert report.html.count('<div class="structure" role="img" aria-label="Structural formula of ') == 3


def test_undecided_is_explained(report: Report) -> None:
    """The reader learns the e-values, what was needed, the projected need, and what undecided means."""
    told = _section(report, "hypotheses")
    assert "**Undecided.** The campaign ended without a decision: after 6 matched pairs" in told
    assert "and 40 is needed. Undecided says that the data do not tell" in told
    assert "more matched pairs would be needed." in told
    assert "1 still under test" not in _opening(report)


def test_a_supported_hypothesis_says_when_and_by_how_much() -> None:
    """A verdict stands with its e-value, the threshold, its cycle and the proposer's probability."""
    told = _section(render(quinones.campaign(cycles=24)), "hypotheses")
    assert "**Supported.** After " in told
    assert "matched pairs the e-value for support is " in told
    assert "40 was needed to decide." in told
    assert "The proposer had given the claim a probability of 0.9." in told


def test_pairs_are_shown_with_both_measurements(done: CampaignFacts, report: Report) -> None:
    """Every measurement that a verdict rests on is cited with the hypothesis."""
    told = _section(report, "hypotheses")
    ids = [name for fact in done.hypotheses for name in fact.evidence[-1].measurements]
    assert [name for name in ids if told.count(f"(#{name})") < 3] == []
    assert "+0.129 V | +0.100 V |" in told


def test_predictions_are_shown_with_their_errors(simulated: CampaignFacts) -> None:
    """A claim about predictions lists what was predicted, measured, and how the error counts."""
    assert "**Predictions of H1, fixed before their runs**" in _section(render(simulated), "hypotheses")


def test_references_are_judged_left_out(report: Report) -> None:
    """Each published value stands beside the prediction from the other references, with its source."""
    told = _section(report, "validation")
    assert "The reduction potential of 5 references of published value was measured" in told
    assert "[doi:10.1000/182](https://doi.org/10.1000/182)" in told
    assert "Each reference predicted from the line through the other 4" in told


def test_two_references_are_too_few() -> None:
    """The report says so and claims no figure of merit."""
    few = quinones.spec().references[:2]
    told = _section(render(quinones.campaign(cycles=1, references=few)), "validation")
    assert "2 references have a value: too few to judge the instrument by" in told
    assert "R²" not in told


def test_simulated_values_are_marked_at_the_top_and_where_they_stand(simulated: CampaignFacts) -> None:
    """Nobody can take a simulated number for a real one: notice, tables, cards and captions say so."""
    said = render(simulated)
    assert "Every measurement in this report comes from a simulated robot (xtb-1)." in _opening(said)
    values = sum(len(job.measurements) for cycle in simulated.cycles for job in cycle.jobs)
    assert _section(said, "measurements").count("*simulated*") == 2 * values
    assert _section(said, "runs").count("*simulated*") == values
    assert "All values are simulated." in _section(said, "search")


def test_real_values_are_not_marked(report: Report) -> None:
    """A computation is no simulation."""
    assert "simulated" not in report.markdown


def test_failures_are_listed_with_their_logs(done: CampaignFacts, report: Report) -> None:
    """A failed run is shown, with its reason and the hash of what was kept."""
    told = _section(report, "robots")
    failed = done.cycles[2].jobs[3].attempts[0]
    assert "The SCF did not converge in 250 iterations." in told
    assert f"log.txt `{failed.artifacts[0].sha256}`" in told


def test_incidents_tell_how_they_were_settled(report: Report) -> None:
    """A lost job, its late result and its rerun are told with who settled them and why."""
    told = _section(report, "robots")
    assert "A result came after the lease was lost. Its late result was adopted by anna" in told
    assert "Run again by policy on\\_lost" in told


def test_a_late_result_is_marked_where_it_counts(report: Report) -> None:
    """A number that came in late carries that word."""
    assert "*late result*" in _section(report, "runs")


def test_an_open_incident_is_told_at_the_top(done: CampaignFacts) -> None:
    """What waits for a person is not to be overlooked."""
    opened = done.incidents[0].model_copy(update={"state": IncidentState.OPEN, "settled_at": None})
    said = render(done.model_copy(update={"incidents": (opened,)}))
    assert "**Open incidents.** 1 incident waits for a person." in _opening(said)
    assert "Not settled: a person must decide." in _section(said, "robots")


def test_a_running_campaign_says_so() -> None:
    """The reader knows how far the facts reach, and that there may be more."""
    said = _opening(render(quinones.campaign(done=False, cycles=4, kind=RobotKind.COMPUTATIONAL)))
    assert "**Not finished.** The campaign is running." in said
    assert "No candidate is reported as found, because none has passed its confirmation." in said


def test_without_confirmation_nothing_is_found(simulated: CampaignFacts) -> None:
    """A campaign that checks no winner reports none."""
    assert "because the campaign file asks for no confirmation" in _opening(render(simulated))


def test_less_is_better_when_minimising(simulated: CampaignFacts) -> None:
    """Candidates are ranked, and the best so far falls, in the direction of the objective."""
    told = _section(render(simulated), "candidates")
    values = [
        float(line.split(" ±")[0].split("| ")[-1]) for line in told.splitlines() if line.startswith("| 1 ")
    ]
    lowest = min(
        found.value for cycle in simulated.cycles for job in cycle.jobs for found in job.measurements
    )
    assert [round(lowest, 2)] == values
    assert "does not reach the target of 2.00 %" in told


def test_budgets_show_what_is_left(report: Report) -> None:
    """Each line stands with its limit, what was spent and what is left."""
    told = _section(report, "spending")
    assert "| wall clock | 1 h | 13 min 52 s | 0 s | 46 min 8 s |" in told
    assert "Wall time from the start: 14 min 12 s." in told


@pytest.mark.parametrize(
    ("limit", "reserved", "spent", "shown"),
    [(None, 0, 0, False), (None, 0, 120, True), (None, 500, 0, True), (9_000, 0, 0, True)],
)
def test_tokens_are_told_of_where_there_is_something_to_tell(
    limit: float | None, reserved: float, spent: float, shown: bool
) -> None:
    """Every campaign has a line for them, and where no agent takes part nobody need know."""
    facts = quinones.campaign(cycles=1)
    tokens = BudgetFact(line="tokens", unit="1", limit=limit, reserved=reserved, spent=spent)

    said = render(facts.model_copy(update={"budgets": (*facts.budgets, tokens)}))

    assert shown == ("| tokens |" in _section(said, "spending"))


def test_methods_name_units_versions_and_how_to_verify(report: Report) -> None:
    """A reader can check a hash, knows the units, and sees which programs were used."""
    told = _section(report, "methods")
    assert "Units are UCUM codes" in told
    assert "canonical JSON (RFC 8785)" in told
    assert "- **tblite**: 0.5.0 (reported by robots)" in told


def test_a_suspect_value_is_marked() -> None:
    """What the instrument itself doubts is not shown as if it were sound."""
    facts = quinones.campaign(cycles=1)
    job = facts.cycles[0].jobs[0]
    doubted = job.measurements[0].model_copy(update={"quality": Quality.SUSPECT})
    jobs = (job.model_copy(update={"measurements": (doubted,)}), *facts.cycles[0].jobs[1:])
    cycle = facts.cycles[0].model_copy(update={"jobs": jobs})
    said = render(facts.model_copy(update={"cycles": (cycle, *facts.cycles[1:])}))
    assert "*suspect*" in _section(said, "runs")


def test_a_conversion_is_told() -> None:
    """Where a robot reported in another unit, its own number stands beside the converted one."""
    facts = factors.campaign()
    job = facts.cycles[0].jobs[0]
    told = job.measurements[0].model_copy(update={"reported_value": 0.0724, "reported_unit": "1"})
    jobs = (job.model_copy(update={"measurements": (told,)}), *facts.cycles[0].jobs[1:])
    cycle = facts.cycles[0].model_copy(update={"jobs": jobs})
    said = render(facts.model_copy(update={"cycles": (cycle, *facts.cycles[1:])}))
    assert "reported as 0.0724" in _section(said, "measurements")


def test_an_unreadable_molecule_spoils_nothing() -> None:
    """What cannot be drawn or checked is shown by its name, as not checked and no winner."""
    facts = quinones.campaign(cycles=1, done=False)
    plan = facts.cycles[0].plan
    assert plan is not None
    run = plan.plan.runs[2]
    odd = run.candidate.model_copy(update={"smiles": "C1CC(", "key": "C1CC("})
    runs = tuple(one.model_copy(update={"candidate": odd}) if one is run else one for one in plan.plan.runs)
    changed = plan.model_copy(update={"plan": plan.plan.model_copy(update={"runs": runs})})
    said = render(
        facts.model_copy(update={"cycles": (facts.cycles[0].model_copy(update={"plan": changed}),)})
    )
    assert "C1CC(" in Page(said.html).text
    assert "outside the constraints" in said.markdown


def test_mixed_deciders_are_all_explained() -> None:
    """A policy's decision in an otherwise attended campaign is said to be one."""
    said = render(quinones.campaign(cycles=1, decider=DeciderKind.POLICY))
    assert "A decision by a policy is taken by the ledger" in said.markdown
