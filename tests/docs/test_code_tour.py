"""The tour and the laws lead to code that is there."""

import ast
import re
from pathlib import Path

import pytest

from docs.pages import page

_TOUR = page("docs/explanation/code-tour.md")
_STOP = re.compile(
    r"^\d\. \[`(?P<label>[^`]+)`\]\((?P<target>[^)]+)\)(?P<names>(?: `[^`]+`,?)+): (?P<told>\S.+)",
    re.MULTILINE,
)
_BEHAVIOUR = re.compile(r"^## \d+\. How .+$", re.MULTILINE)


def _defined(file: Path) -> set[str]:
    """Return the functions, classes, methods (as `Class.method`) and top-level names of a file."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (ast.FunctionDef, ast.AsyncFunctionDef)
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, methods)}
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _behaviours() -> list[str]:
    return _BEHAVIOUR.split(_TOUR.prose)[1:]


def test_twelve_behaviours_have_up_to_three_stops_each() -> None:
    """The tour keeps its promise: twelve behaviours, at most three files for each."""
    stops = [len(_STOP.findall(behaviour)) for behaviour in _behaviours()]
    numbered = [len(re.findall(r"^\d\. ", behaviour, re.MULTILINE)) for behaviour in _behaviours()]
    assert 12 == len(stops)
    assert numbered == stops, "a stop is not written as the others are"
    assert all(1 <= count <= 3 for count in stops)


@pytest.mark.parametrize("stop", tuple(_STOP.finditer(_TOUR.prose)), ids=lambda stop: stop["label"])
def test_every_stop_exists(stop: re.Match[str]) -> None:
    """Each file is there, is the one that its label says, and defines each name."""
    file = (_TOUR.path.parent / stop["target"]).resolve()
    assert file.as_posix().endswith(f"src/moonloop/{stop['label']}")
    named = set(re.findall(r"`([^`]+)`", stop["names"]))
    assert set() == named - _defined(file)


def test_every_law_says_where_to_look() -> None:
    """Each of the six laws names files of the code."""
    laws = re.split(r"^## \d\. ", page("docs/explanation/laws.md").prose, flags=re.MULTILINE)[1:]
    assert 6 == len(laws)
    assert [] == [law.splitlines()[0] for law in laws if "../../src/moonloop/" not in law]
