"""Finding the Temporal server: the order of the places, and what is said when there is none."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.temporal import VERSION, Search, find_server, server_version
from moonloop.embedded.temporal.finding import Maker

Say = Callable[[str], None]

_ANSWERS = f"#!/bin/sh\necho 'temporal version {VERSION} (Server 1.31.2, UI 2.50.1)'\n"


def _program(file: Path, text: str = _ANSWERS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def _makes(folder: Path, _say: Say) -> Path:
    return _program(folder / "made-by-somebody")


def _refuses(_folder: Path, _say: Say) -> Path:
    raise SetupProblem(problem="The source is out of reach.", remedy="Check the network.")


def _search(folder: Path, *makers: Maker, chosen: str = "") -> Search:
    return Search(chosen=chosen, path=str(folder / "bin"), cache=folder / "cache", makers=makers)


def _shelf(folder: Path) -> Path:
    return folder / "cache" / VERSION


def test_the_chosen_server_goes_before_all_others(tmp_path: Path) -> None:
    """Whoever names a server gets that one."""
    chosen = _program(tmp_path / "a folder" / "my temporal")
    _program(tmp_path / "bin" / "temporal")

    assert chosen == find_server(search=_search(tmp_path, chosen=str(chosen)))


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0, "there is no such file"),
        (_ANSWERS, 0o644, "it may not be executed"),
        ("#!/bin/sh\necho something else\n", 0o755, "it is not a Temporal command line"),
    ],
)
def test_a_chosen_server_that_does_not_run_is_refused_by_name(
    tmp_path: Path, text: str | None, mode: int, why: str
) -> None:
    """A choice is never silently replaced by something else, and the message says what is wrong with it."""
    chosen = tmp_path / "temporal"
    if text is not None:
        _program(chosen, text).chmod(mode)
    _program(tmp_path / "bin" / "temporal")

    with pytest.raises(SetupProblem, match=f"MOONLOOP_TEMPORAL names {chosen}, but {why}.*or unset it"):
        find_server(search=_search(tmp_path, chosen=str(chosen)))


def test_a_server_on_path_goes_before_the_cache(tmp_path: Path) -> None:
    """What the machine's owner installed is used."""
    installed = _program(tmp_path / "bin" / "temporal")
    _program(_shelf(tmp_path) / "temporal")

    assert installed == find_server(search=_search(tmp_path))


def test_another_program_of_that_name_is_passed_over(tmp_path: Path) -> None:
    """A `temporal` that is no Temporal server is told of, and the search goes on."""
    other = _program(tmp_path / "bin" / "temporal", "#!/bin/sh\nexit 1\n")
    cached = _program(_shelf(tmp_path) / "temporal")
    said: list[str] = []

    assert cached == find_server(say=said.append, search=_search(tmp_path))
    assert [f"Passing over {other}: it is not a Temporal server that runs on this machine."] == said


def test_what_was_made_once_is_found_from_then_on(tmp_path: Path) -> None:
    """The second start on a machine makes nothing."""
    first = find_server(search=_search(tmp_path, _makes))

    assert _shelf(tmp_path) / "temporal" == first
    assert first == find_server(search=_search(tmp_path))
    assert {"lock", "temporal"} == {file.name for file in _shelf(tmp_path).iterdir()}


def test_the_next_maker_is_asked_when_one_fails(tmp_path: Path) -> None:
    """A refused download leads to a build, and people learn why."""
    said: list[str] = []

    find_server(say=said.append, search=_search(tmp_path, _refuses, _makes))

    place = _shelf(tmp_path) / "temporal"
    assert ["The source is out of reach.", f"The Temporal server 1.31.2 is ready in {place}."] == said


def test_a_server_that_was_made_but_does_not_run_is_not_kept(tmp_path: Path) -> None:
    """A download for another kind of machine never gets into the cache."""

    def makes_rubbish(folder: Path, _say: Say) -> Path:
        return _program(folder / "temporal", "#!/bin/sh\nexit 1\n")

    with pytest.raises(SetupProblem, match="makes_rubbish made no server that runs"):
        find_server(search=_search(tmp_path, makes_rubbish))

    assert ["lock"] == [file.name for file in _shelf(tmp_path).iterdir()]


def test_when_none_can_be_made_every_reason_and_every_way_out_is_named(tmp_path: Path) -> None:
    """Whoever is stuck learns what was tried, what to mend, and how to do without."""

    def cannot_build(_folder: Path, _say: Say) -> Path:
        raise SetupProblem(problem="There is no Go.", remedy="Install Go.")

    with pytest.raises(SetupProblem) as caught:
        find_server(search=_search(tmp_path, _refuses, cannot_build))

    assert "The source is out of reach. There is no Go." == caught.value.problem
    assert caught.value.remedy.startswith("Install Go. Or install Temporal's own command line")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A full or forbidden disk is a sentence with a way out, not a traceback."""
    (tmp_path / "cache").touch()

    with pytest.raises(SetupProblem, match=r"cannot be put into .*Make room there, or set XDG_CACHE_HOME"):
        find_server(search=_search(tmp_path, _makes))


def test_a_broken_server_in_the_cache_is_made_again(tmp_path: Path) -> None:
    """A file cut short by a power failure does not stop Moonloop for ever."""
    _program(_shelf(tmp_path) / "temporal", "")

    assert "1.31.2" == server_version(find_server(search=_search(tmp_path, _makes)))


def test_two_at_once_make_one_server(tmp_path: Path) -> None:
    """Who comes second waits, says so, and finds what the first has made."""
    waits, made, found = threading.Event(), list[Path](), list[Path]()

    def makes_slowly(folder: Path, say: Say) -> Path:
        made.append(folder)
        assert waits.wait(30)
        return _makes(folder, say)

    def second(sentence: str) -> None:
        if sentence == "Another process is preparing the Temporal server; waiting for it.":
            waits.set()

    def find(say: Say) -> None:
        found.append(find_server(say=say, search=_search(tmp_path, makes_slowly)))

    threads = [threading.Thread(target=find, args=(second,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert 1 == len(made)
    assert [_shelf(tmp_path) / "temporal"] * 2 == found


def test_a_maker_that_is_killed_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    """After kill -9 in the middle of a build, the next attempt starts clean and succeeds."""
    lines = """
import pathlib, sys, time
from moonloop.embedded.temporal import Search, find_server

def begins(folder, say):
    (folder / "temporal").write_text("half of it")
    print("begun", flush=True)
    time.sleep(600)

find_server(search=Search(chosen="", path="", cache=pathlib.Path(sys.argv[1]), makers=(begins,)))
"""
    maker = subprocess.Popen(
        [sys.executable, "-c", lines, str(tmp_path / "cache")], stdout=subprocess.PIPE, text=True
    )
    assert maker.stdout is not None
    assert "begun\n" == maker.stdout.readline()
    maker.kill()
    maker.communicate()
    assert -signal.SIGKILL == maker.returncode
    assert not (_shelf(tmp_path) / "temporal").exists()

    find_server(search=_search(tmp_path, _makes))

    assert {"lock", "temporal"} == {file.name for file in _shelf(tmp_path).iterdir()}


def test_the_environment_says_where_to_look(tmp_path: Path) -> None:
    """The three variables that the manual names are the ones that count."""
    search = Search.by({"MOONLOOP_TEMPORAL": "/a", "PATH": "/b:/c", "XDG_CACHE_HOME": str(tmp_path)})

    assert ("/a", "/b:/c", tmp_path / "moonloop" / "temporal") == (search.chosen, search.path, search.cache)


def test_the_command_prints_where_the_server_is(tmp_path: Path) -> None:
    """The command can be used in scripts: the path is all of its standard output."""
    chosen = _program(tmp_path / "my temporal")

    answer = _command({"MOONLOOP_TEMPORAL": str(chosen)})

    assert (0, f"{chosen}\n", "") == (answer.returncode, answer.stdout, answer.stderr)


def test_the_command_fails_with_the_reason(tmp_path: Path) -> None:
    """A failed set-up step stops `make` and says why in one paragraph."""
    answer = _command({"MOONLOOP_TEMPORAL": str(tmp_path / "none")})

    assert (1, "") == (answer.returncode, answer.stdout)
    assert answer.stderr.startswith(
        f"MOONLOOP_TEMPORAL names {tmp_path / 'none'}, but there is no such file."
    )


def _command(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "moonloop.embedded.temporal"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_server_of_this_machine_says_its_version(temporal_program: Path) -> None:
    """The question that decides about every candidate is one that real servers answer."""
    version = server_version(temporal_program)

    assert version is not None
    assert [int(part) for part in version.split(".")[:2]] >= [1, 25]
    assert server_version(Path(shutil.which("true") or "/bin/true")) is None
