"""Artifacts: whole on disk under their hash, then known to the ledger."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from moonloop.domain.errors import ArtifactMismatch, NotFound, TooLarge
from moonloop.domain.messages import Offer
from moonloop.domain.results import ArtifactRef
from moonloop.store import artifacts
from moonloop.store import tables as t
from moonloop.store.artifacts import ArtifactFiles
from support.campaigns import Bench

BODY = b"0.1,0.2\n" * 100


def _ref(body: bytes = BODY, name: str = "trace.csv", **changes: object) -> ArtifactRef:
    declared = {"name": name, "sha256": sha256(body).hexdigest(), "size": len(body), **changes}
    return ArtifactRef.model_validate(declared)


@pytest.fixture
def files(tmp_path: Path) -> ArtifactFiles:
    """An empty store that takes up to 1,000 bytes a file."""
    return ArtifactFiles(tmp_path / "artifacts", 1_000)


def _left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "artifacts").rglob("*") if path.is_file())


def _receive(files: ArtifactFiles, ref: ArtifactRef, body: bytes, chunk: int = 64) -> None:
    with files.receive(ref) as incoming:
        for start in range(0, len(body), chunk):
            incoming.write(body[start : start + chunk])
        incoming.keep()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=1_000), st.integers(1, 300))
def test_what_was_sent_is_what_is_kept(files: ArtifactFiles, body: bytes, chunk: int) -> None:
    """However it was cut into chunks, the empty file included."""
    ref = _ref(body)
    _receive(files, ref, body, chunk)

    assert files.has(ref.sha256)
    assert files.read(ref.sha256) == body


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        (_ref(BODY), BODY[:-1]),
        (_ref(BODY), b""),
        (_ref(BODY), BODY + b"x"),
        (_ref(BODY), BODY[:-1] + b"x"),
    ],
    ids=["short", "nothing", "long", "other bytes"],
)
def test_bytes_that_are_not_as_declared_are_refused(
    files: ArtifactFiles, tmp_path: Path, declared: ArtifactRef, sent: bytes
) -> None:
    """And nothing of them stays on the disk."""
    with pytest.raises(ArtifactMismatch) as caught:
        _receive(files, declared, sent)

    assert caught.value.name == "trace.csv"
    assert _left(tmp_path) == []


def test_more_bytes_than_declared_are_refused_as_they_come(files: ArtifactFiles) -> None:
    """A sender that never stops does not fill the disk: the chunk that is too much is not written."""
    with files.receive(_ref(b"abc")) as incoming:
        incoming.write(b"ab")
        with pytest.raises(ArtifactMismatch, match="more than 3 bytes"):
            incoming.write(b"cd")


def test_a_file_larger_than_allowed_is_refused_before_it_is_sent(
    files: ArtifactFiles, tmp_path: Path
) -> None:
    """By what is declared."""
    with pytest.raises(TooLarge) as caught:
        files.receive(_ref(size=1_001))

    assert caught.value.limit == 1_000
    assert _left(tmp_path) == []


def test_what_a_crash_cut_short_is_swept(files: ArtifactFiles, tmp_path: Path) -> None:
    """Half a file is never a file: it is not found under the hash, and goes with the next sweep."""
    process = os.fork()
    if process == 0:
        files.receive(_ref()).write(BODY[:10])
        os._exit(9)
    os.waitpid(process, 0)
    files.put("kept", b"kept")
    assert len(_left(tmp_path)) == 2
    assert not files.has(_ref().sha256)

    files.sweep()

    assert _left(tmp_path) == [sha256(b"kept").hexdigest()]


def test_the_same_bytes_are_kept_once(files: ArtifactFiles, tmp_path: Path) -> None:
    """Whatever their names."""
    refs = [files.put(name, BODY) for name in ("one", "two")]
    _receive(files, _ref(), BODY)

    assert refs[0].sha256 == refs[1].sha256 == _ref().sha256
    assert _left(tmp_path) == [_ref().sha256]


def test_bytes_that_are_not_here_are_not_found(files: ArtifactFiles) -> None:
    """By their hash."""
    with pytest.raises(NotFound):
        files.read("0" * 64)


# In the ledger.


def test_more_bytes_than_are_asked_for_are_not_read(files: ArtifactFiles) -> None:
    """Whoever reads says how much it has room for."""
    ref = _ref()
    _receive(files, ref, BODY)

    assert BODY == files.read(ref.sha256, len(BODY))
    with pytest.raises(TooLarge):
        files.read(ref.sha256, len(BODY) - 1)


@pytest.fixture
def offer(bench: Bench) -> Offer:
    """A running attempt."""
    bench.queued(1)
    return bench.running(bench.robot())


def test_an_attempt_names_its_artifacts_once(bench: Bench, offer: Offer) -> None:
    """Resent it is no news; another content under the same name is refused, and the first stays."""
    for _ in range(2):
        bench.do(artifacts.attach, "rob_000000r1", offer.attempt_id, _ref())
    with pytest.raises(ArtifactMismatch):
        bench.do(artifacts.attach, "rob_000000r1", offer.attempt_id, _ref(b"other"))

    kept = bench.all(select(t.attempt_artifacts))
    assert [(row.name, row.sha256) for row in kept] == [("trace.csv", _ref().sha256)]
    assert bench.count(t.artifacts) == 1


def test_one_content_may_have_two_names(bench: Bench, offer: Offer) -> None:
    """A known hash needs no second upload."""
    for name in ("a", "b"):
        bench.do(artifacts.attach, "rob_000000r1", offer.attempt_id, _ref(name=name))

    assert bench.count(t.attempt_artifacts) == 2
    assert bench.count(t.artifacts) == 1


def test_another_robots_attempt_takes_no_artifacts(bench: Bench, offer: Offer) -> None:
    """Only the one that made them names them."""
    with pytest.raises(NotFound):
        bench.do(artifacts.attach, bench.robot("r2"), offer.attempt_id, _ref())

    assert bench.count(t.artifacts) == 0
