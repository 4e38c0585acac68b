"""Building the Temporal server: what Go needs, and what each of its failures means."""

import os
import shutil
from pathlib import Path

import pytest

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.temporal import building
from moonloop.embedded.temporal.building import build_with_go

_GO = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")

needs_go = pytest.mark.skipif(_GO is None, reason="there is no Go on this machine")


def _fake_go(folder: Path, listing: str, build: str = "exit 1") -> dict[str, str]:
    """Return an environment whose `go` is a shell script that lists and builds as told."""
    folder.mkdir(exist_ok=True)
    script = f"#!/bin/sh\ncase $1 in\nenv) echo go1.20;;\nlist)\n{listing}\n;;\nbuild)\n{build}\n;;\nesac\n"
    (folder / "go").write_text(script)
    (folder / "go").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_the_program_is_where_go_put_it_and_progress_is_told(tmp_path: Path) -> None:
    """A build of minutes says how far it is."""
    said: list[str] = []
    environment = _fake_go(
        tmp_path / "bin",
        listing="for i in $(seq 50); do echo go: downloading m$i v1 >&2; done; seq 20",
        build='while [ "$1" != -o ]; do shift; done; seq 20; echo built > "$2"',
    )

    program = build_with_go(tmp_path, said.append, environment=environment)

    assert "built\n" == program.read_text()
    assert ["25 modules fetched.", "50 modules fetched."] == [line for line in said if "fetched" in line]
    assert [f"{count} of 20 packages compiled." for count in range(2, 21, 2)] == [
        line for line in said if "compiled" in line
    ]


def test_no_go_is_said_with_the_version_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version asked for is the one that the recipe demands."""
    monkeypatch.setattr(building, "_USUAL_GO", str(tmp_path))

    with pytest.raises(SetupProblem, match=r"There is no Go on this machine .* Install Go 1\.26\.4 or newer"):
        build_with_go(tmp_path, print, environment={"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("says", "problem", "remedy"),
    [
        (
            "go: go.mod requires go >= 1.26.4 (running go 1.20; GOTOOLCHAIN=local)",
            "go1.20 is too old to build the Temporal server.",
            "Install Go 1.26.4 or newer",
        ),
        (
            "go: errors parsing go.mod:\ngo.mod:5: invalid go version '1.26.4'",
            "go1.20 is too old",
            "Install Go",
        ),
        (
            'go: m@v1: Get "https://proxy/m": dial tcp: lookup proxy: no such host',
            "The Go module proxy does not give what is needed: go: m@v1: Get",
            "set GOPROXY",
        ),
        (
            "go: m@v1: reading https://proxy/m: 403 Forbidden",
            "The Go module proxy does not",
            "Check the network",
        ),
        ("write /root/x: no space left on device", "The disk is full", "Free about 4 GB"),
        (
            "verifying m@v1: checksum mismatch\nSECURITY ERROR",
            "A Go module is not what its checksum",
            "GOPROXY",
        ),
        (
            "a.go:3:1: syntax error",
            "Go could not build the Temporal server: a.go:3:1: syntax error.",
            "Run `go",
        ),
    ],
)
@pytest.mark.parametrize("step", ["list", "build"])
def test_each_failure_of_go_has_its_sentence(
    tmp_path: Path, step: str, says: str, problem: str, remedy: str
) -> None:
    """Whatever goes wrong, the message names it in plain words and says what to do."""
    fails = f"cat >&2 <<'END'\n{says}\nEND\nexit 1"
    environment = _fake_go(tmp_path / "bin", *((fails,) if step == "list" else ("echo one", fails)))

    with pytest.raises(SetupProblem) as caught:
        build_with_go(tmp_path, lambda _: None, environment=environment)

    assert caught.value.problem.startswith(problem)
    assert remedy in caught.value.remedy


@needs_go
def test_the_real_go_without_a_module_proxy_is_understood(tmp_path: Path) -> None:
    """The words that Go itself uses for a network that is down are recognised."""
    environment = {
        **os.environ,
        "GOMODCACHE": str(tmp_path / "modules"),
        "GOPROXY": "http://127.0.0.1:1",
        "GOSUMDB": "off",
    }

    with pytest.raises(SetupProblem, match="The Go module proxy does not give what is needed"):
        build_with_go(tmp_path, lambda _: None, environment=environment)


@needs_go
def test_the_real_go_that_is_too_old_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words that Go itself uses for a module that wants a newer Go are recognised."""
    (tmp_path / "go.mod").write_text("module m\n\ngo 1.999.0\n")
    monkeypatch.setattr(building, "module_folder", lambda: tmp_path)

    with pytest.raises(SetupProblem, match=r"go1\.\S+ is too old .* Install Go 1\.999\.0 or newer"):
        build_with_go(tmp_path, lambda _: None, environment={**os.environ, "GOTOOLCHAIN": "local"})
