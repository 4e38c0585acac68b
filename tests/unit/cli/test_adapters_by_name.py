"""An adapter is found by its name, or the way to it is told."""

import importlib
import sys
from pathlib import Path

import pytest

from moonloop.domain.errors import ExtraMissing, SetupProblem
from moonloop.lab_adapters.loading import known_adapters, load


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of one's own modules."""
    (tmp_path / "burette.py").write_text("import no_such_library\n")
    (tmp_path / "pump.py").write_text("def build(options):\n    import no_such_library\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()


def test_those_that_ship_are_known() -> None:
    """By the names that the help gives."""
    assert ("table", "xtb") == known_adapters()


@pytest.mark.parametrize("name", ["burette:build", "pump:build"])
def test_an_adapter_of_ones_own_that_lacks_a_library_says_which(name: str) -> None:
    """Whenever it loads it; no extra of ours would bring it."""
    with pytest.raises(SetupProblem, match="lacks no_such_library"):
        load(name, {})


def test_an_adapter_that_ships_and_lacks_a_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of pip; nothing has enrolled that could do no job."""

    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr("moonloop.lab_adapters.xtb.adapter.find_spec", nothing)

    with pytest.raises(ExtraMissing, match=r"lacks rdkit.*moonloop\[xtb\]"):
        load("xtb", {})


@pytest.mark.parametrize(
    ("name", "told"),
    [("theremin", "Known are table, xtb"), ("burettes:build", "no module burettes"),
     ("json:build", "no build"),
     ("json.nothing:build", "no module json.nothing"), (":", "module:build"), ("json:", "module:build"),
     (".json:build", "module:build")],
)  # fmt: skip
def test_a_name_that_is_none_is_told(name: str, told: str) -> None:
    """With the names that there are, or how one's own is named."""
    with pytest.raises(SetupProblem, match=told):
        load(name, {})
