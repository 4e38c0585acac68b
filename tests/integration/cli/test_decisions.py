"""Decisions at the terminal: for exactly the plan that was shown, said once, by who may."""

import pytest

from moonloop.domain.access import Scope
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN
from support.devices import Site
from support.terminal import Terminal
from support.waiting import Loss, Reviewed


def _state(reviewed: Reviewed) -> str:
    return reviewed.bench.state(t.reviews, reviewed.review)


@pytest.mark.parametrize(
    ("typed", "code", "state"),
    [("y\n", 0, "approved"), ("n\n", 130, "open"), ("\n", 130, "open"), ("", 130, "open")],
)
def test_a_person_is_shown_the_plan_and_asked(
    terminal: Terminal, reviewed: Reviewed, typed: str, code: int, state: str
) -> None:
    """Run by run with the hash; only a yes decides, and not silence, nor nobody being there."""
    said = terminal("review", "approve", reviewed.review, typed=typed)

    assert (code, state) == (said.code, _state(reviewed))
    for shown in (reviewed.sha256, "solvent=water; temperature=20", "to fill the space"):
        assert shown in said.out


def test_a_program_must_say_which_plan_it_means(terminal: Terminal, reviewed: Reviewed) -> None:
    """3: it cannot have been shown anything."""
    said = terminal("review", "approve", reviewed.review, "--json")

    assert (3, "", "open") == (said.code, said.out, _state(reviewed))
    assert "--sha256" in said.err


@pytest.mark.parametrize(("sha256", "code"), [("0" * 64, 5), ("0" * 63, 3), ("plan", 3)])
def test_a_decision_counts_for_its_hash_alone(
    terminal: Terminal, reviewed: Reviewed, sha256: str, code: int
) -> None:
    """Another plan than the one under review is not approved by it."""
    said = terminal("review", "approve", reviewed.review, "--sha256", sha256)

    assert (code, "", "open") == (said.code, said.out, _state(reviewed))


def test_a_decision_with_an_id_is_one_decision(terminal: Terminal, reviewed: Reviewed) -> None:
    """A script that did not hear the answer asks again and gets it; a second decision is refused."""
    asked = ("review", "approve", reviewed.review, "--sha256", reviewed.sha256)
    first = terminal.done(*asked, "--id", "dec_of_a_script", "--json")
    again = terminal.done(*asked, "--id", "dec_of_a_script", "--json")

    assert first.json == again.json
    assert 5 == terminal(*asked).code
    assert 1 == reviewed.bench.count(t.decisions, t.decisions.c.review_id == reviewed.review)


def test_a_rejection_needs_a_reason(terminal: Terminal, reviewed: Reviewed) -> None:
    """The proposer can learn from it only what was said."""
    said = terminal("review", "reject", reviewed.review, "--sha256", reviewed.sha256)

    assert (3, "open") == (said.code, _state(reviewed))
    assert "--comment" in said.err


def test_who_may_only_read_decides_nothing(
    terminal: Terminal, reviewed: Reviewed, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5, and the right that is lacking is named."""
    monkeypatch.setenv("MOONLOOP_TOKEN", site.token(Scope.READ))

    said = terminal("review", "approve", reviewed.review, "--sha256", reviewed.sha256)

    assert (5, "open") == (said.code, _state(reviewed))
    assert "decide" in said.err


def test_a_token_is_as_good_as_its_scopes(
    terminal: Terminal, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issued at the terminal, used at the terminal, and at its end no more."""
    issued = terminal.done("token", "issue", "bob", "-s", "read", "--json").json
    owner = site.owner.headers["Authorization"].removeprefix("Bearer ")

    monkeypatch.setenv("MOONLOOP_TOKEN", issued["secret"])
    assert 0 == terminal("campaign", "list").code
    assert 5 == terminal("hold", "site", "-m", "x").code

    monkeypatch.setenv("MOONLOOP_TOKEN", owner)
    terminal.done("token", "revoke", issued["id"])
    monkeypatch.setenv("MOONLOOP_TOKEN", issued["secret"])
    assert 5 == terminal("campaign", "list").code


@pytest.mark.parametrize("lasts", ["never", "-1 h", "0 s", "1e400 d", "90 fortnights"])
def test_a_token_has_an_end(terminal: Terminal, lasts: str) -> None:
    """What is no time is told as such."""
    said = terminal("token", "issue", "bob", "-s", "read", f"--lasts={lasts}")

    assert (3, "") == (said.code, said.out)


def test_a_hold_is_seen_until_it_is_lifted(terminal: Terminal) -> None:
    """With its reason; when nothing is held, that is said."""
    assert "Nothing is on hold.\n" == terminal.done("holds").out

    terminal.done("hold", CAMPAIGN, "-m", "a smell of almonds")
    [held] = terminal.done("holds", "--json").json
    assert (True, "a smell of almonds") == (held["active"], held["reason"])
    assert "a smell of almonds" in terminal.done("holds").out

    terminal.done("release", CAMPAIGN, "-m", "it was marzipan")
    assert [] == terminal.done("holds", "--json").json


@pytest.mark.parametrize("options", [[], ["--rerun", "--fail"], ["--rerun", "--adopt", "--fail"]])
def test_an_incident_is_settled_in_one_way(terminal: Terminal, loss: Loss, options: list[str]) -> None:
    """Exactly one; the choice is never made for a person."""
    said = terminal("incident", "reconcile", loss.incident, "-m", "x", *options)

    assert (3, "") == (said.code, said.out)
    assert ["open"] == [one["state"] for one in terminal.done("incident", "list", "--json").json]


def test_a_lost_job_is_run_again_when_a_person_says_so(terminal: Terminal, loss: Loss) -> None:
    """Seen, settled, and no longer among those that wait."""
    assert "--adopt" not in terminal.done("incident", "show", loss.incident).out

    terminal.done("incident", "reconcile", loss.incident, "--rerun", "-m", "the flask is whole")

    assert "Nothing waits to be settled.\n" == terminal.done("incident", "list").out
    assert (
        "Settled as rerun by olga: the flask is whole" in terminal.done("incident", "show", loss.incident).out
    )
    assert loss.offer["job_id"] == loss.device.offered()["job_id"]


def test_what_came_late_can_be_adopted(terminal: Terminal, loss: Loss, site: Site) -> None:
    """The choice is offered once there is something to adopt; without it, it is refused."""
    asked = ("incident", "reconcile", loss.incident, "--adopt", "-m", "the log shows it")
    assert 5 == terminal(*asked).code

    loss.device.finish(loss.offer)
    assert "--adopt" in terminal.done("incident", "show", loss.incident).out
    terminal.done(*asked)

    assert [50.0] == [row.value for row in site.bench.all(t.measurements.select())]
