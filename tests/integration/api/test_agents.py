"""Agents over HTTP: what they may know, who they were, and what they said."""

from collections.abc import Callable

import pytest

from moonloop.domain.access import Scope
from moonloop.domain.agents import Role
from moonloop.domain.facts import AgentFact, ThreadFact
from moonloop.domain.history import History
from moonloop.store import campaigns
from support.campaigns import CAMPAIGN, Bench, make_spec
from support.devices import Site, problem
from support.serving import ON_BOTH
from support.thinking import AGENTS, Thinking, claims

OTHER = "cmp_0000000000000002"
PATH = f"/v1/campaigns/{CAMPAIGN}"


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    """A campaign with agents, in its first cycle."""
    site = new_site(scientist=AGENTS, budget={"experiments": 20, "money": 100, "tokens": 100_000})
    site.bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    return site


def _proposed(bench: Bench) -> Thinking:
    thinking = Thinking(bench)
    thinking.open()
    thinking.turn()
    thinking.tool("2 rows")
    thinking.decide(claims("water"))
    return thinking


@ON_BOTH
def test_the_threads_of_a_campaign_are_listed(site: Site) -> None:
    """Who, in which cycle, with what outcome, and what it took."""
    thinking = _proposed(site.bench)
    Thinking(site.bench, Role.ADVISOR).open()

    proposer, advisor = (AgentFact.model_validate(one) for one in site.owner.get(f"{PATH}/threads").json())

    assert (thinking.id, "decided", 2, 200) == (
        proposer.thread,
        proposer.status,
        proposer.turns,
        proposer.prompt_tokens,
    )
    assert ("advisor", "open") == (advisor.role, advisor.status)


@ON_BOTH
def test_a_thread_is_shown_with_its_messages_and_calls(site: Site) -> None:
    """In order, each call beside the message that it made."""
    thinking = _proposed(site.bench)

    found = ThreadFact.model_validate(site.owner.get(f"{PATH}/threads/{thinking.id}").json())

    assert thinking.id == found.agent.thread
    assert [0, 1, 2, 3, 4] == [entry.position for entry in found.entries]
    speakers = ["system", "user", "assistant", "tool", "assistant"]
    assert speakers == [entry.message.speaker for entry in found.entries]
    assert [False, False, True, False, True] == [entry.call is not None for entry in found.entries]


def test_a_thread_of_another_campaign_is_not_found(site: Site) -> None:
    """Nor one that is not there, nor those of a campaign that is not."""
    thinking = _proposed(site.bench)
    other = Bench(site.bench.ledger, make_spec(), site.bench.clock, OTHER)
    other.start()

    problem(site.owner.get(f"/v1/campaigns/{OTHER}/threads/{thinking.id}"), 404, "not-found")
    problem(site.owner.get(f"{PATH}/threads/thr_0000000000000001_0009_critic"), 404, "not-found")
    problem(site.owner.get("/v1/campaigns/cmp_0000000000000009/threads"), 404, "not-found")
    problem(site.owner.get(f"{PATH}/threads/..%2F..%2Fjournal"), 404, "not-found")
    assert [] == site.owner.get(f"/v1/campaigns/{OTHER}/threads").json()


def test_the_history_is_what_the_scientist_sees(site: Site) -> None:
    """The file, and what has been decided and settled by now."""
    before = site.owner.get(f"{PATH}/history").json()
    thinking = _proposed(site.bench)

    after = site.owner.get(f"{PATH}/history").json()

    assert make_spec(scientist=AGENTS).name == after["spec"]["name"]
    assert () == History.model_validate(before["history"]).proposals
    seen = History.model_validate(after["history"])
    assert (CAMPAIGN, 1, [thinking.id]) == (
        seen.campaign_id,
        seen.cycle,
        [one.thread for one in seen.proposals],
    )
    problem(site.owner.get("/v1/campaigns/cmp_0000000000000009/history"), 404, "not-found")


@pytest.mark.parametrize("what", ["history", "threads", "threads/thr_0000000000000001_0001_proposer"])
def test_only_readers_may_look(site: Site, what: str) -> None:
    """A robot's token, or none, shows nothing of what agents said."""
    _proposed(site.bench)

    problem(site.client(None).get(f"{PATH}/{what}"), 401, "unauthenticated")
    problem(site.client(site.token(Scope.ROBOT)).get(f"{PATH}/{what}"), 403, "forbidden")
    assert 200 == site.client(site.token(Scope.READ)).get(f"{PATH}/{what}").status_code
