"""Plans: recorded once with their specs, paid for in advance, screened."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from moonloop.domain import ids
from moonloop.domain.canonical import seal, unseal
from moonloop.domain.errors import BudgetSpent, InvalidInput, NotFound
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.reviews import HazardOutcome
from moonloop.domain.robots import RobotKind
from moonloop.store import campaigns, plans
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, make_plan


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A campaign in its first cycle."""
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    return bench


def _nothing_recorded(bench: Bench) -> bool:
    return bench.count(t.plans) == bench.count(t.specs) == 0 and bench.budget() == (0.0, 0.0)


def test_what_was_recorded_is_read_back_byte_for_byte(bench: Bench) -> None:
    """The stored bytes hash to the stored hash and parse to the value that was sealed."""
    plan, sealed, specs = make_plan(bench.spec)
    bench.do(plans.record_plan, plan, sealed, specs)

    row = bench.all(select(t.plans))[0]
    assert unseal(row.body, row.sha256, Plan) == plan
    kept = {row.job_id: row for row in bench.all(select(t.specs))}
    for spec, body in specs:
        assert kept[spec.job_id].sha256 == body.sha256
        assert unseal(kept[spec.job_id].body, body.sha256, JobSpec) == spec


def test_a_cycle_keeps_its_first_plan(bench: Bench) -> None:
    """A retried activity gets the hash on record, even when it would plan otherwise now; nothing doubles."""
    plan, sealed, specs = make_plan(bench.spec)
    first = bench.do(plans.record_plan, plan, sealed, specs)

    again = bench.do(plans.record_plan, *make_plan(bench.spec, size=3))

    assert again == first == sealed.sha256
    assert bench.count(t.specs) == 2
    assert bench.budget() == (2.0, 0.0)


@pytest.mark.parametrize("wrong", ["another spec", "a spec too few", "a spec too many"])
def test_specs_that_are_not_the_plans_are_refused(bench: Bench, wrong: str) -> None:
    """The plan promises hashes; the specs that come with it are those and no others."""
    plan, sealed, specs = make_plan(bench.spec)
    other = specs[0][0].model_copy(update={"seed": 4})
    given = {
        "another spec": [(other, seal(other)), specs[1]],
        "a spec too few": specs[:1],
        "a spec too many": [*specs, make_plan(bench.spec, size=3)[2][2]],
    }[wrong]

    with pytest.raises(InvalidInput, match="job hashes"):
        bench.do(plans.record_plan, plan, sealed, given)

    assert _nothing_recorded(bench)


@pytest.mark.parametrize(
    "untrue",
    [{"robot_kinds": (RobotKind.COMPUTATIONAL,)}, {"protocols": ("another/1",)}],
    ids=["robot kinds", "protocols"],
)
def test_a_plan_tells_the_truth_about_its_jobs(bench: Bench, untrue: dict[str, object]) -> None:
    """The review policy goes by the plan's kinds and protocols, so they must be those of its specs."""
    plan, _, specs = make_plan(bench.spec)
    lying = plan.model_copy(update=untrue)

    with pytest.raises(InvalidInput, match="robot kinds and protocols"):
        bench.do(plans.record_plan, lying, seal(lying), specs)

    assert _nothing_recorded(bench)


def test_a_plan_that_costs_too_much_is_refused_whole(bench: Bench) -> None:
    """The line that forbids it is named with its figures, and nothing of the plan is kept."""
    with pytest.raises(BudgetSpent) as caught:
        bench.do(plans.record_plan, *make_plan(bench.spec, size=21))

    assert (caught.value.line, caught.value.asked, caught.value.limit) == ("experiments", "21", "20")
    assert _nothing_recorded(bench)


def test_an_unknown_campaign_has_no_plans(bench: Bench) -> None:
    """The campaign is looked for first."""
    with pytest.raises(NotFound):
        bench.do(plans.record_plan, *make_plan(bench.spec, campaign="cmp_0000000000000008"))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (RobotKind.PHYSICAL, HazardOutcome.UNKNOWN),
        (RobotKind.COMPUTATIONAL, HazardOutcome.NOT_APPLICABLE),
        (RobotKind.SIMULATED, HazardOutcome.NOT_APPLICABLE),
    ],
)
def test_only_what_is_not_physical_passes_unscreened(
    new_bench: Callable[..., Bench], kind: RobotKind, outcome: HazardOutcome
) -> None:
    """The report is bound to the plan's hash, and made once for each version of the rules."""
    bench = new_bench(kind, "cmp_0000000000000007")
    plan = bench.plan()

    assert bench.do(plans.screen, plan.id) == outcome
    row = bench.all(select(t.hazard_reports))[0]
    assert (row.outcome, row.plan_sha256) == (outcome, seal(plan).sha256)
    assert bench.count(t.hazard_reports) == len(bench.journal("plan.screened")) == 1


def test_what_was_never_planned_cannot_be_screened(bench: Bench) -> None:
    """The id is named."""
    with pytest.raises(NotFound) as caught:
        bench.do(plans.screen, ids.plan_id(CAMPAIGN, 1))

    assert caught.value.id == ids.plan_id(CAMPAIGN, 1)
