"""Every command once for a person and once for a program, against a real server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonloop.service.settings import Settings
from support.beside import write_models
from support.campaigns import CAMPAIGN, make_spec
from support.devices import Site
from support.finished import finish_campaign
from support.terminal import Terminal, commands

TABLE = "solvent,temperature,yield\nwater,20,10\n"
ELSEWHERE = {
    "up", "demo", "doctor", "serve", "worker", "relay",  # need processes of their own
    "robot run",  # likewise, and so does following a campaign
    "campaign watch",
    "campaign schema",  # needs no server
    "tools mcp",  # speaks MCP, not to a person
    "models load", "models unload",  # need an endpoint that takes adapters
}  # fmt: skip
"""Commands that other tests run."""


class Desk:
    """What the commands below are about: each property makes what it names."""

    def __init__(self, request: pytest.FixtureRequest, settings: Settings) -> None:
        self._request = request
        self._settings = settings
        self.site: Site = request.getfixturevalue("site")

    def with_a(self, fixture: str) -> list[str]:
        """Say nothing more, but have something there to be listed."""
        self._request.getfixturevalue(fixture)
        return []

    @property
    def file(self) -> str:
        """A campaign file."""
        path = Path("campaign.json").absolute()
        path.write_text(make_spec().model_dump_json())
        return str(path)

    @property
    def zip(self) -> str:
        """The export of a finished campaign; from here on the terminal talks to another laboratory."""
        finish_campaign(self.site, self._settings)
        path = Path("campaign.zip").absolute()
        path.write_bytes(self.site.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content)
        other: Site = self._request.getfixturevalue("elsewhere")()
        patch: pytest.MonkeyPatch = self._request.getfixturevalue("monkeypatch")
        patch.setenv("MOONLOOP_URL", other.url)
        patch.setenv("MOONLOOP_TOKEN", other.owner.headers["Authorization"].removeprefix("Bearer "))
        return str(path)

    @property
    def review(self) -> list[str]:
        """A review that is open, and the hash of its plan."""
        found = self._request.getfixturevalue("reviewed")
        return [found.review, "--sha256", found.sha256]

    @property
    def approved(self) -> list[str]:
        """A review that was approved, and the hash of its plan."""
        found = self._request.getfixturevalue("reviewed")
        found.bench.decide(found.review)
        return [found.review, "--sha256", found.sha256]

    @property
    def incident(self) -> str:
        """An incident that is open."""
        return self._request.getfixturevalue("loss").incident

    @property
    def thread(self) -> list[str]:
        """A campaign in which an agent has decided, and the thread of its task."""
        thinking = self._request.getfixturevalue("thought")
        return [thinking.bench.campaign, thinking.id]

    @property
    def table(self) -> list[str]:
        """The table adapter with its options."""
        path = Path("table.csv").absolute()
        path.write_text(TABLE)
        return ["table", "-o", f"csv={path}", "-o", "value=yield", "-o", "unit=%"]

    @property
    def models(self) -> list[str]:
        """The file of models of a site with one endpoint, which a script answers at."""
        url: str = self._request.getfixturevalue("scripted_url")
        return ["--file", str(write_models(Path("models.yaml").absolute(), only=url))]

    @property
    def waiting(self) -> str:
        """A physical robot that waits to be admitted."""
        return self.site.enrol(self.site.code("physical")).json()["robot_id"]

    @property
    def token(self) -> str:
        """A token's id."""
        body = {"principal": "bob", "scopes": ["read"], "expires_in_s": 60}
        return self.site.owner.post("/v1/tokens", json=body).json()["id"]

    def paused(self) -> list[str]:
        """The campaign, paused."""
        self.site.owner.post(f"/v1/campaigns/{CAMPAIGN}/pause", json={})
        return [CAMPAIGN]


Words = Callable[[Desk], list[str]]
Check = Callable[[Any], bool]

TABLE_OF_COMMANDS: dict[str, tuple[Words, str, Check]] = {
    "campaign validate": (
        lambda desk: [desk.file], "is valid: A test of the ledger",
        lambda said: said["valid"] and said["survey"] is not None,
    ),
    "campaign start": (
        lambda desk: [desk.file], "moonloop campaign watch cmp_",
        lambda said: (said["state"], said["experiments_limit"]) == ("running", 20),
    ),
    "campaign list": (lambda _: [], CAMPAIGN, lambda said: [CAMPAIGN] == [one["id"] for one in said]),
    "campaign show": (lambda _: [CAMPAIGN], "running", lambda said: said["summary"]["id"] == CAMPAIGN),
    "campaign transcript": (
        lambda desk: desk.thread, "  │ Plan approved by olga.",
        lambda said: [0, 1, 2, 3, 4] == [entry["position"] for entry in said["entries"]],
    ),
    "campaign pause": (
        lambda _: [CAMPAIGN, "-m", "lunch"], f"{CAMPAIGN} is paused", lambda said: said["state"] == "paused"
    ),
    "campaign resume": (
        lambda desk: desk.paused(), f"{CAMPAIGN} is running", lambda said: said["state"] == "running"
    ),
    "campaign stop": (
        lambda _: [CAMPAIGN], f"{CAMPAIGN} is stopping", lambda said: said["state"] == "stopping"
    ),
    "campaign budget": (
        lambda _: [CAMPAIGN, "experiments", "30"], "The limit of experiments is now 30.",
        lambda said: said == {"campaign_id": CAMPAIGN, "line": "experiments", "limit": 30.0},
    ),
    "campaign report": (
        lambda _: [CAMPAIGN, "--format", "md"], f"The report is in {CAMPAIGN}.md",
        lambda said: said["size"] == Path(said["path"]).stat().st_size > 0,
    ),
    "campaign export": (
        lambda _: [CAMPAIGN, "-o", "out.zip"], "The export is in out.zip",
        lambda said: said["size"] == Path(said["path"]).stat().st_size > 0,
    ),
    "campaign import": (
        lambda desk: [desk.zip], f"Imported {CAMPAIGN}", lambda said: said["state"] == "done"
    ),
    "review list": (
        lambda desk: desk.with_a("reviewed"), "rev_", lambda said: ["open"] == [one["state"] for one in said]
    ),
    "review show": (
        lambda desk: desk.review[:1], "sha256 ", lambda said: len(said["plan"]["plan"]["runs"]) == 2
    ),
    "review approve": (lambda desk: desk.review, "is approved", lambda said: said["state"] == "approved"),
    "review reject": (
        lambda desk: [*desk.review, "-m", "too hot"], "is rejected",
        lambda said: said["decisions"][0]["comment"] == "too hot",
    ),
    "review revoke": (lambda desk: desk.approved, "is revoked", lambda said: said["state"] == "revoked"),
    "hold": (
        lambda _: ["site", "-m", "a smell"], "site is on hold. Lift it with: moonloop release site",
        lambda said: said == {"scope": "site", "active": True, "reason": "a smell"},
    ),
    "release": (
        lambda _: ["site", "-m", "aired"], "site is released",
        lambda said: said == {"scope": "site", "active": False, "reason": "aired"},
    ),
    "holds": (
        lambda _: ["--all"], "SCOPE",
        lambda said: {"site", f"campaign:{CAMPAIGN}"} <= {one["scope"] for one in said},
    ),
    "incident list": (
        lambda desk: desk.with_a("loss"), "inc_", lambda said: ["open"] == [one["state"] for one in said]
    ),
    "incident show": (lambda desk: [desk.incident], "--rerun", lambda said: said["kind"] == "lost_job"),
    "incident reconcile": (
        lambda desk: [desk.incident, "--fail", "-m", "spilt"], "is settled: fail.",
        lambda said: (said["state"], said["resolution"], said["reason"]) == ("settled", "fail", "spilt"),
    ),
    "robot code": (lambda _: ["simulated"], "", lambda said: said["kind"] == "simulated" and said["code"]),
    "robot enroll": (
        lambda desk: [*desk.table, "--kind", "simulated"], "is enrolled as simulated",
        lambda said: said["robot_id"].startswith("rob_") and "token" not in said,
    ),
    "robot list": (
        lambda desk: desk.with_a("loss"), "quarantined",
        lambda said: ["quarantined"] == [one["state"] for one in said],
    ),
    "robot admit": (
        lambda desk: [desk.waiting], "is admitted", lambda said: said["admitted"] is True
    ),
    "robot revoke": (
        lambda desk: [desk.waiting, "-m", "sold"], "is revoked", lambda said: said["revoked"] is True
    ),
    "token issue": (
        lambda _: ["bob", "-s", "read", "--lasts", "2 h"], "for bob, until",
        lambda said: said["principal"] == "bob" and said["secret"],
    ),
    "token revoke": (lambda desk: [desk.token], "is revoked", lambda said: said["revoked"] is True),
    "tools list": (
        lambda _: [], "chemistry_describe", lambda said: all(one["arguments"] for one in said)
    ),
    "tools run": (
        lambda _: ["chemistry_describe", '{"smiles": ["OCC"]}'], '"canonical":"CCO"',
        lambda said: ["C2H6O"] == [one["formula"] for one in said["molecules"]],
    ),
    "models serve": (
        lambda _: ["tiny", "--family", "hermes", "--dry-run"], "vllm serve tiny",
        lambda said: ["vllm", "serve", "tiny"] == said["command"][:3],
    ),
    "models list": (
        lambda desk: desk.models, "scripted-scientist",
        lambda said: {True} == {one["serves"] for one in said["roles"]},
    ),
    "models check": (
        lambda desk: desk.models, "Every role has an endpoint that works.",
        lambda said: [] == said["unserved"] and said["tried"][0]["scripted"],
    ),
}  # fmt: skip
"""What is said after the command's name, a part of what a person reads, and what a program finds."""


@pytest.fixture
def desk(request: pytest.FixtureRequest, settings: Settings) -> Desk:
    """What the commands are about."""
    return Desk(request, settings)


def test_every_command_is_tried() -> None:
    """None is added without a line here or a test of its own."""
    assert set(commands()) == set(TABLE_OF_COMMANDS) | ELSEWHERE


@pytest.mark.parametrize("name", TABLE_OF_COMMANDS)
def test_a_person_is_told_in_words(name: str, terminal: Terminal, desk: Desk) -> None:
    """Exit code 0, words to read, and nothing on the error stream."""
    words, expected, _ = TABLE_OF_COMMANDS[name]

    said = terminal.done(*name.split(), *words(desk))

    assert said.out.strip()
    assert expected in said.out


@pytest.mark.parametrize("name", TABLE_OF_COMMANDS)
def test_a_program_is_told_in_json(name: str, terminal: Terminal, desk: Desk) -> None:
    """All that is printed is one JSON document, with what was asked for in it."""
    words, _, check = TABLE_OF_COMMANDS[name]

    said = terminal.done(*name.split(), *words(desk), "--json")

    assert check(json.loads(said.out)), said.out
