"""Policies: when the ledger itself may approve, in the transaction that opens the review."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.canonical import Sealed, seal
from moonloop.domain.history import Advice, NextStep
from moonloop.domain.lifecycles import ReviewState
from moonloop.domain.plans import JobSpec, Plan
from moonloop.domain.reviews import POLICY_VERSION, DeciderKind, DecisionVerdict
from moonloop.domain.robots import RobotKind
from moonloop.store import campaigns, plans
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, make_plan

Make = Callable[..., Bench]


def _next_cycle(bench: Bench) -> None:
    number: int = bench.value(select(t.campaigns.c.cycle))
    if number:
        advice = seal(Advice(step=NextStep.SEARCH, sentence="on"))
        bench.do(campaigns.close_cycle, CAMPAIGN, number, advice)


def _reviewed(bench: Bench, cycle: int) -> tuple[str, str]:
    """Plan a cycle and open its review; return the review and its state."""
    _next_cycle(bench)
    review = bench.review(bench.plan(cycle))
    return review, bench.state(t.reviews, review)


def _deciders(bench: Bench, review: str) -> list[tuple[str, str | None]]:
    rows = bench.all(select(t.decisions).where(t.decisions.c.review_id == review))
    return [(row.by_kind, row.policy) for row in rows]


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        (RobotKind.PHYSICAL, ["open", "open", "open"]),
        (RobotKind.COMPUTATIONAL, ["open", "approved", "approved"]),
        (RobotKind.SIMULATED, ["approved", "approved", "approved"]),
    ],
)
def test_the_default_policy_of_a_robot_kind(new_bench: Make, kind: RobotKind, states: list[str]) -> None:
    """Physical: a person, every cycle. Computational: the first cycle. Simulated: nobody."""
    bench = new_bench(kind)
    found: list[str] = []
    for cycle in (1, 2, 3):
        review, state = _reviewed(bench, cycle)
        found.append(state)
        if state == ReviewState.OPEN:
            bench.decide(review)

    assert found == states


@pytest.mark.parametrize("kind", [RobotKind.COMPUTATIONAL, RobotKind.SIMULATED])
def test_every_cycle_asks_a_person_each_time(new_bench: Make, kind: RobotKind) -> None:
    """Any kind of work may be put under the strictest policy."""
    bench = new_bench(kind, reviews={kind: "every_cycle"})
    for cycle in (1, 2):
        review, state = _reviewed(bench, cycle)
        assert state == ReviewState.OPEN
        bench.decide(review)


def test_a_decision_by_policy_says_so(new_bench: Make) -> None:
    """Who decided, by which policy of which version: never a person's name."""
    bench = new_bench(RobotKind.SIMULATED)
    review, _ = _reviewed(bench, 1)

    row = bench.all(select(t.decisions).where(t.decisions.c.review_id == review))[0]
    assert (row.by, row.by_kind, row.policy, row.policy_version) == (
        "policy none",
        DeciderKind.POLICY,
        "none",
        POLICY_VERSION,
    )


def test_the_first_cycle_is_covered_by_a_person_not_by_a_policy(new_bench: Make) -> None:
    """The second cycle rests on what somebody saw; the decision names the policy."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    first, _ = _reviewed(bench, 1)
    bench.decide(first, kind=DeciderKind.UNATTENDED)
    second, state = _reviewed(bench, 2)

    assert state == ReviewState.APPROVED
    assert _deciders(bench, first) == [("unattended", None)]
    assert _deciders(bench, second) == [("policy", "first_cycle")]


@pytest.mark.parametrize("verdict", ["never decided", "revoked"])
def test_what_nobody_stands_behind_covers_nothing(new_bench: Make, verdict: str) -> None:
    """An open first review, or one whose approval was revoked, asks a person again."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    first, _ = _reviewed(bench, 1)
    if verdict == "revoked":
        bench.decide(first)
        bench.decide(first, DecisionVerdict.REVOKE)

    assert _reviewed(bench, 2)[1] == ReviewState.OPEN


def test_an_approval_by_policy_covers_nothing_by_itself(new_bench: Make) -> None:
    """When a person's approval is revoked, what a policy approved on its strength covers no third plan."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    first, _ = _reviewed(bench, 1)
    bench.decide(first)
    assert _reviewed(bench, 2)[1] == ReviewState.APPROVED
    bench.decide(first, DecisionVerdict.REVOKE)

    assert _reviewed(bench, 3)[1] == ReviewState.OPEN


def _review_of(bench: Bench, **changes: Any) -> str:
    """Record a second plan that differs from what the first approval covered; return its review's state."""
    _next_cycle(bench)
    bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    plan, _, specs = make_plan(_as(bench.spec, changes.pop("robot", None)), 2)
    new: list[tuple[JobSpec, Sealed]] = []
    for spec, _ in specs:
        changed = spec
        if "protocol" in changes:
            name = changes["protocol"]
            requires = spec.requires.model_copy(update={"protocol": name})
            changed = spec.model_copy(update={"protocol": name, "requires": requires})
        new.append((changed, seal(changed)))
    hashes = [body.sha256 for _, body in new]
    runs = tuple(
        run.model_copy(update={"spec_sha256": sha256}) for run, sha256 in zip(plan.runs, hashes, strict=True)
    )
    update: dict[str, Any] = {"runs": runs}
    if "protocol" in changes:
        update["protocols"] = (changes["protocol"],)
    if "space_sha256" in changes:
        update["space_sha256"] = changes["space_sha256"]
    altered: Plan = plan.model_copy(update=update)
    bench.do(plans.record_plan, altered, seal(altered), new)
    bench.do(plans.screen, altered.id)
    return bench.state(t.reviews, bench.review(altered))


def _as(spec: CampaignSpec, robot: RobotKind | None) -> CampaignSpec:
    if robot is None:
        return spec
    return spec.model_copy(update={"protocol": spec.protocol.model_copy(update={"robot": robot})})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "approved"),
        ({"protocol": "another/1"}, "open"),
        ({"space_sha256": "0" * 64}, "open"),
        ({"robot": RobotKind.PHYSICAL}, "open"),
        ({"robot": RobotKind.SIMULATED}, "approved"),
    ],
    ids=["nothing new", "a protocol", "a space", "physical work", "simulated work"],
)
def test_an_approval_covers_nothing_new(new_bench: Make, changes: dict[str, Any], state: str) -> None:
    """A protocol, space or robot kind that nobody saw asks again; a laxer kind goes by its own policy."""
    bench = new_bench(RobotKind.COMPUTATIONAL)
    first, _ = _reviewed(bench, 1)
    bench.decide(first)

    assert _review_of(bench, **changes) == state


def test_the_confirmation_that_the_file_names_is_covered(new_bench: Make) -> None:
    """Who approved the first cycle saw the campaign file, and so the protocols that it names."""
    check = {"label": "slow", "protocol": {"name": "slow/1", "robot": "computational"}, "tolerance": 1}
    bench = new_bench(RobotKind.COMPUTATIONAL, confirmation={"runs": [check]})
    first, _ = _reviewed(bench, 1)
    bench.decide(first)

    assert _review_of(bench, protocol="slow/1") == "approved"
