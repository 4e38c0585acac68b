"""Exports and imports: a campaign leaves whole, arrives whole, and arrives not at all when it was touched."""

import io
import json
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from moonloop.domain.canonical import digest
from moonloop.service.settings import Settings
from moonloop.store import Ledger, campaigns
from moonloop.store import tables as t
from support.campaigns import CAMPAIGN, Bench, ShiftedClock, make_spec
from support.devices import Site, problem
from support.finished import REPORT, TRACE, finish_campaign
from support.serving import ON_BOTH, serving
from support.thinking import AGENTS, Thinking, claims

MANIFEST = "manifest.json"


@pytest.fixture
def exported(site: Site, settings: Settings) -> bytes:
    """The export of a campaign that is done."""
    finish_campaign(site, settings)
    return site.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content


@pytest.fixture
def elsewhere(tmp_path: Path, migrated_file: Path) -> Generator[Site]:
    """Another laboratory, with a ledger and artifacts of its own, in which nothing has happened."""
    path = tmp_path / "elsewhere.db"
    path.write_bytes(migrated_file.read_bytes())
    ledger = Ledger(f"sqlite:///{path}")
    settings = Settings(
        home=tmp_path / "elsewhere", presence=3600.0, artifact_limit=256 * 1024, body_limit=64 * 1024
    )
    with serving(settings, ledger) as url, Site(url, Bench(ledger, make_spec(), ShiftedClock())) as made:
        yield made
    ledger.close()


def _files(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(files: dict[str, bytes], *, manifest: bool = True) -> bytes:
    """Return a zip of files, with a manifest that fits them unless it is to stay as it is."""
    if manifest:
        old = json.loads(files[MANIFEST])
        listed = {
            name: {"sha256": digest(body), "size": len(body)}
            for name, body in files.items()
            if name != MANIFEST
        }
        files = files | {MANIFEST: json.dumps(old | {"files": listed}).encode()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def _facts(site: Site) -> dict[str, Any]:
    return site.owner.get(f"/v1/campaigns/{CAMPAIGN}/facts").json()


def _import(site: Site, body: bytes) -> httpx.Response:
    return site.owner.put("/v1/imports", content=body, headers={"Content-Type": "application/zip"})


@ON_BOTH
def test_what_left_arrives(site: Site, exported: bytes, elsewhere: Site) -> None:
    """Every fact, every byte, from either database: only what robots may do now is another matter."""
    answer = _import(elsewhere, exported)

    assert 201 == answer.status_code, answer.text
    there, here = _facts(site), _facts(elsewhere)
    assert ["revoked"] == [robot["state"] for robot in here["robots"]]
    for facts in (there, here):
        for robot in facts["robots"]:
            del robot["state"], robot["fence"], robot["last_seen"]
    assert there == here
    assert TRACE == elsewhere.owner.get(f"/v1/artifacts/{digest(TRACE)}").content
    assert REPORT == elsewhere.owner.get(f"/v1/campaigns/{CAMPAIGN}/report").content


def test_the_same_campaign_is_the_same_bytes(site: Site, exported: bytes) -> None:
    """An export can be compared by its hash."""
    assert exported == site.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content


def test_an_import_is_exported_again(exported: bytes, elsewhere: Site) -> None:
    """What has come in can go on: its records are what they were, but for the marks of the way."""
    _import(elsewhere, exported)

    again = _files(elsewhere.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content)

    before = _files(exported)
    assert set(before) == set(again)
    marked = {MANIFEST, "records/campaigns.jsonl", "records/journal.jsonl", "records/robots.jsonl"}
    changed = {name for name in before if before[name] != again[name]}
    assert changed <= marked | {"records/spend.jsonl"}


def test_a_campaign_comes_in_once(exported: bytes, elsewhere: Site) -> None:
    """A second time it is there already."""
    _import(elsewhere, exported)

    problem(_import(elsewhere, exported), 409, "already-exists")


def test_a_campaign_that_runs_is_not_taken_in(site: Site, elsewhere: Site) -> None:
    """Two ledgers must not drive one campaign."""
    site.bench.queued(1)
    running = site.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content

    assert "done" in problem(_import(elsewhere, running), 422, "export-invalid")["detail"]


DOCUMENT = b"Nitriles raise the potential.\n"


@pytest.fixture
def read(new_site: Callable[..., Site], settings: Settings) -> bytes:
    """The export of a campaign that brought a document."""
    sha256 = digest(DOCUMENT)
    site = new_site(documents=[{"name": "Smith 2019", "sha256": sha256, "media_type": "text/plain"}])
    assert 201 == site.owner.put(f"/v1/documents/{sha256}", content=DOCUMENT).status_code
    finish_campaign(site, settings)
    return site.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content


def test_a_document_arrives_with_its_campaign(read: bytes, elsewhere: Site) -> None:
    """What agents could read can be read there, too."""
    answer = _import(elsewhere, read)

    assert 201 == answer.status_code, answer.text
    assert DOCUMENT == elsewhere.owner.get(f"/v1/artifacts/{digest(DOCUMENT)}").content


def test_a_campaign_without_its_document_is_not_taken_in(
    read: bytes, elsewhere: Site, tmp_path: Path
) -> None:
    """It is told which, and none of its other files is left."""
    files = _files(read)
    del files[f"artifacts/{digest(DOCUMENT)}"]
    rows = files["records/artifacts.jsonl"].splitlines(keepends=True)
    files["records/artifacts.jsonl"] = b"".join(row for row in rows if digest(DOCUMENT).encode() not in row)

    found = problem(_import(elsewhere, _zip(files)), 422, "export-invalid")

    assert "it lacks the bytes of the document “Smith 2019”" in found["detail"]
    assert [] == elsewhere.owner.get("/v1/campaigns").json()
    assert [] == list((tmp_path / "elsewhere").rglob("[0-9a-f]" * 64))


Tamper = Callable[[dict[str, bytes]], bytes]


def _with(name: str, change: Callable[[bytes], bytes], *, manifest: bool = True) -> Tamper:
    def run(files: dict[str, bytes]) -> bytes:
        changed = change(files[name])
        assert changed != files[name]
        return _zip(files | {name: changed}, manifest=manifest)

    return run


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(old, new, 1)


def _manifest(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps(json.loads(body) | changes).encode()


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


def _rows(table: str, **changes: Any) -> Tamper:
    """Other values in the first record of a table, with every hash of the archive made to fit."""

    def change(body: bytes) -> bytes:
        first, *rest = body.splitlines(keepends=True)
        return b"".join([json.dumps(json.loads(first) | changes).encode() + b"\n", *rest])

    return _with(f"records/{table}.jsonl", change)


def _encrypted(files: dict[str, bytes]) -> bytes:
    body = bytearray(_zip(files))
    # The flag that says so, in every local header and in the directory.
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = body.find(signature)
        while at >= 0:
            body[at + offset] |= 1
            at = body.find(signature, at + 4)
    return bytes(body)


def _bomb(files: dict[str, bytes]) -> bytes:
    return _zip(files | {f"artifacts/{digest(b'')}": b"\0" * (2 << 20)})


TAMPERED: dict[str, Tamper] = {
    "a number in a measurement": _with(
        "records/measurements.jsonl", _replaced(b"41.5", b"99.5"), manifest=False
    ),
    "a digit of the plan": _with("records/plans.jsonl", _replaced(b'\\"cycle\\":1', b'\\"cycle\\":2')),
    "a digit of a spec": _with("records/specs.jsonl", _replaced(b'\\"cycle\\":1', b'\\"cycle\\":2')),
    "a digit of the campaign file": _with(
        "records/campaigns.jsonl", _replaced(b'\\"experiments\\":20', b'\\"experiments\\":99')
    ),
    "a digit of a result": _with("records/attempts.jsonl", _replaced(b"41.5", b"99.5")),
    "a byte of an artifact": lambda files: _zip(
        files | {f"artifacts/{digest(TRACE)}": TRACE.replace(b"41.5", b"99.5")}
    ),
    "an artifact is missing": lambda files: _zip(
        {name: body for name, body in files.items() if name != f"artifacts/{digest(TRACE)}"}
    ),
    "an artifact too many": lambda files: _zip(files | {f"artifacts/{digest(b'x')}": b"x"}),
    "an artifact under another name": lambda files: _zip(files | {"artifacts/evil": b"x"}),
    "a path out of the archive": lambda files: _zip(files | {"artifacts/../../../evil": b"x"}),
    "a file of another kind": lambda files: _zip(files | {"evil": b"x"}),
    "a file that the manifest does not name": lambda files: _zip(files | {"evil": b"x"}, manifest=False),
    "a table is missing": lambda files: _zip(
        {name: body for name, body in files.items() if name != "records/jobs.jsonl"}
    ),
    "a table that nobody knows": lambda files: _zip(files | {"records/tokens.jsonl": b'{"id": 1}\n'}),
    "a column too many": _with("records/jobs.jsonl", _replaced(b'{"', b'{"evil":1,"')),
    "a column of another type": _with("records/jobs.jsonl", _replaced(b'"cycle":1', b'"cycle":"one"')),
    "a column that is an object": _with("records/jobs.jsonl", _replaced(b'"cycle":1', b'"cycle":{"a":1}')),
    "a time that is none": _with("records/cycles.jsonl", _replaced(b"202", b"x02")),
    "a body that is a number": _with("records/plans.jsonl", lambda _: b'{"body":1,"sha256":"x"}\n'),
    "a reference to nothing": _with("records/jobs.jsonl", _replaced(b'"pln_', b'"pln_9')),
    "the same row twice": _with("records/jobs.jsonl", lambda body: body + body),
    "a state that there is none of": _with("records/jobs.jsonl", _replaced(b'"cancelled"', b'"imagined"')),
    "two campaigns": _with("records/campaigns.jsonl", lambda body: body + body),
    "no campaign": _with("records/campaigns.jsonl", lambda _: b""),
    "records that are no JSON": _with("records/jobs.jsonl", lambda _: b"{\n"),
    "records that are no objects": _with("records/jobs.jsonl", lambda _: b"[1]\n7\n"),
    "records nested too deeply": _with("records/jobs.jsonl", lambda _: b"[" * 20_000 + b"\n"),
    "half a character": _with("records/campaigns.jsonl", _replaced(b"A test", b"\\ud800 test")),
    "a campaign file that is none": _rows("campaigns", spec="{}", spec_sha256=digest(b"{}")),
    "a cycle beyond all numbers": _rows("campaigns", cycle=2**70),
    "a verdict that there is none of": _rows("decisions", verdict="wild"),
    "a robot that cannot be read": _rows("robots", capabilities="{}x"),
    "an endless budget": _rows("budgets", spent=float("inf")),
    "a measurement that nobody reported": _rows("measurements", value=123.4),
    "a measurement converted wrongly": _rows("measurements", value=41.5, unit="1"),
    "an artifact of another size": _rows("artifacts", size=1),
    "a job that waits for a robot": _rows("jobs", state="queued"),
    "an attempt that goes on": _rows("attempts", state="running"),
    "work of another campaign": _rows("journal", campaign_id="cmp_another0001"),
    "the manifest of another format": _with(MANIFEST, _manifest(moonloop_export=2), manifest=False),
    "a manifest without files": _with(MANIFEST, _manifest(files={}), manifest=False),
    "a manifest of another shape": _with(MANIFEST, lambda _: b"[1, 2]", manifest=False),
    "a manifest with files of another shape": _with(MANIFEST, _manifest(files=[1]), manifest=False),
    "a manifest that is no JSON": _with(MANIFEST, lambda _: b"manifest", manifest=False),
    "no manifest": lambda files: _zip(
        {name: body for name, body in files.items() if name != MANIFEST}, manifest=False
    ),
    "a byte of the archive": lambda files: _flipped(_zip(files)),
    "an archive cut at half": lambda files: _zip(files)[: len(_zip(files)) // 2],
    "an encrypted archive": _encrypted,
    "no archive": lambda _: b"PK\x03\x04 and nothing more",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_touched_is_not_taken_in(
    exported: bytes, elsewhere: Site, tmp_path: Path, what: str
) -> None:
    """Refused with a reason, and nothing of it is here: no campaign, no row, no file."""
    answer = _import(elsewhere, TAMPERED[what](_files(exported)))

    problem(answer, 422, "export-invalid")
    assert [] == elsewhere.owner.get("/v1/campaigns").json()
    assert 0 == elsewhere.bench.count(t.jobs) == elsewhere.bench.count(t.plans)
    assert not (tmp_path / "evil").exists()
    assert [] == list((tmp_path / "elsewhere").rglob("[0-9a-f]" * 64))
    for name in ("reviews", "robots", "incidents"):
        assert [] == elsewhere.owner.get(f"/v1/{name}").json()


def test_a_zip_bomb_is_refused_unopened(exported: bytes, elsewhere: Site) -> None:
    """What unfolds to more than is allowed is not unfolded."""
    body = _bomb(_files(exported))
    assert len(body) < 64 * 1024

    problem(_import(elsewhere, body), 413, "too-large")
    assert [] == elsewhere.owner.get("/v1/campaigns").json()


def test_an_upload_that_is_too_large_is_refused(elsewhere: Site) -> None:
    """The limit holds for what is sent, too."""
    problem(_import(elsewhere, b"x" * (1 << 20) + b"x"), 413, "too-large")


@pytest.fixture
def thoughtful(new_site: Callable[..., Site], settings: Settings) -> bytes:
    """The export of a campaign in which an agent decided."""
    site = new_site(scientist=AGENTS)
    site.bench.do(campaigns.next_step, CAMPAIGN, "algorithmic")
    thinking = Thinking(site.bench)
    thinking.open("The brief is short.")
    thinking.decide(claims("water"))
    finish_campaign(site, settings)
    return site.owner.get(f"/v1/campaigns/{CAMPAIGN}/export").content


SAID: dict[str, tuple[str, bytes, bytes]] = {
    "a decision": ("threads", b'\\"level_a\\":\\"water', b'\\"level_a\\":\\"hexane'),
    "a message": ("transcripts", b"The brief is short", b"The brief is long"),
    "a call": ("model_calls", b'\\"tokens\\":120', b'\\"tokens\\":1'),
}


@pytest.mark.parametrize("what", SAID)
def test_what_agents_said_arrives_untouched_or_not_at_all(
    thoughtful: bytes, elsewhere: Site, what: str
) -> None:
    """Every decision, message and call is checked against the hash that stands beside it."""
    table, old, new = SAID[what]

    answer = _import(elsewhere, _with(f"records/{table}.jsonl", _replaced(old, new))(_files(thoughtful)))

    found = problem(answer, 422, "export-invalid")
    assert f"in its {table} does not hash to what stands beside it" in found["detail"]
    assert [] == elsewhere.owner.get("/v1/campaigns").json()
    assert 201 == _import(elsewhere, thoughtful).status_code
