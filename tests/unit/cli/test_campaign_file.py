"""A bad campaign file is told with the file, the line and the field, so that it can be put right."""

import itertools
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonloop.cli import campaign_file
from moonloop.cli.campaign_file import read_campaign_file
from moonloop.domain.errors import CampaignFileInvalid
from moonloop.domain.space import CandidateTable
from support.terminal import Terminal

GOOD = """\
moonloop: 1
name: Esters
space:
  kind: factors
  factors:
    - {kind: categorical, name: catalyst, levels: [acid, base]}
    - {kind: discrete, name: temperature, unit: Cel, levels: [20, 40, 60]}
objective:
  name: yield
  unit: "%"
  direction: maximise
  range: [0, 100]
protocol:
  name: table.lookup/1
  robot: simulated
  timeout: 90 s
claims:
  - statement: Acid is better.
    probability: 0.8
    proposer: a chemist
    claim: {kind: effect, factor: catalyst, level_a: acid, level_b: base, delta: 5}
budget:
  experiments: 20
"""

Bad = tuple[str, str, int, str, str]
"""What is replaced, by what; the line, the field and some of the words that are told."""

BAD: dict[str, Bad] = {
    "a syntax error": ("name: Esters", "name: [Esters", 3, "", "expected"),
    "a tab": ("  kind: factors\n", "\tkind: factors\n", 4, "", "token"),
    "a key twice": ("name: Esters", "name: Esters\nname: Others", 3, "", "duplicate key"),
    "an unknown field": ("name: Esters", "name: Esters\nnmae: x", 3, "nmae", "not permitted"),
    "an unknown field inside": (
        '  unit: "%"\n',
        '  unit: "%"\n  unti: V\n',
        11,
        "objective.unti",
        "not permitted",
    ),
    "a missing field": ("  direction: maximise\n", "", 8, "objective.direction", "required"),
    "a wrong type": ("experiments: 20", "experiments: many", 23, "budget.experiments", "valid integer"),
    "a text for a list": ("range: [0, 100]", "range: wide", 12, "objective.range", "tuple"),
    "a number that is none": ("range: [0, 100]", "range: [0, .nan]", 12, "objective.range[1]", "finite"),
    "an infinity": ("probability: 0.8", "probability: .inf", 19, "claims[0].probability", "finite"),
    "a probability above one": (
        "probability: 0.8",
        "probability: 1.8",
        19,
        "claims[0].probability",
        "less than",
    ),
    "another's name": (
        "proposer: a chemist",
        "proposer: us/them",
        20,
        "claims[0].proposer",
        "without a slash",
    ),
    "an unknown unit": ('unit: "%"', "unit: percents", 10, "objective.unit", "percents"),
    "an unknown unit of a factor": ("unit: Cel", "unit: celsius", 7, "space.factors[1].unit", "celsius"),
    "a duration without its unit": ("timeout: 90 s", "timeout: 90 parsecs", 16, "protocol.timeout", "90 min"),
    "a factor twice": ("name: temperature", "name: catalyst", 3, "space", "catalyst"),
    "a level twice": ("levels: [acid, base]", "levels: [acid, acid]", 6, "space.factors[0]", "repeat"),
    "a range that is upside down": ("range: [0, 100]", "range: [100, 0]", 8, "objective", "range"),
    "a claim of an unknown kind": (
        "kind: effect",
        "kind: hunch",
        21,
        "claims[0].claim",
        "available are: effect, prediction",
    ),
    "a claim about an unknown factor": (
        "factor: catalyst",
        "factor: colour",
        21,
        "claims[0].claim.factor",
        "colour",
    ),
    "a claim about an unknown level": (
        "level_a: acid",
        "level_a: gold",
        21,
        "claims[0].claim.level_a",
        "gold",
    ),
    "a space of an unknown kind": ("kind: factors", "kind: galaxies", 3, "space", "'factors'"),
    "another version": ("moonloop: 1", "moonloop: 2", 1, "moonloop", "1"),
    "no budget": ("experiments: 20", "experiments: 0", 23, "budget.experiments", "greater than"),
    "a character that YAML has not": ("name: Esters", 'name: "\\q"', 2, "", "unknown escape"),
}


def _written(folder: Path, text: str, name: str = "bad.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_file_that_these_tests_spoil_is_good(tmp_path: Path) -> None:
    """Otherwise they would prove nothing."""
    assert "Esters" == read_campaign_file(_written(tmp_path, GOOD)).name


@pytest.mark.parametrize("what", BAD)
def test_a_mistake_is_told_with_its_place(what: str, tmp_path: Path, terminal: Terminal) -> None:
    """Exit code 3, and `file:line: field: what is wrong`."""
    old, new, line, field, words = BAD[what]
    assert 1 == GOOD.count(old)
    path = _written(tmp_path, GOOD.replace(old, new))

    said = terminal("campaign", "validate", str(path))

    assert (3, "") == (said.code, said.out)
    [told] = [text.strip() for text in said.err.splitlines() if str(path) in text]
    where = f"{path}:{line}: {field}: " if field else f"{path}:{line}: "
    assert told.startswith(where), told
    assert words in told


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Nobody has to run a check as often as there are mistakes."""
    text = GOOD.replace("probability: 0.8", "probability: 8").replace("experiments: 20", "experiments: -1")

    with pytest.raises(CampaignFileInvalid) as invalid:
        read_campaign_file(_written(tmp_path, text))
    assert [":19:", ":23:"] == [part for part in (":19:", ":23:") if part in str(invalid.value)]


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in itertools.pairwise("abcdefg")
)
"""Seven lines that unfold to ten million values."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a mapping"),
        ("- one\n- two\n", "a mapping"),
        ("esters", "a mapping"),
        ("[" * 1_000, "bad.yaml"),
        (LAUGHS, "unfold"),
        ("name: &a [*a]\n", "bad.yaml"),
        ("moonloop: 1\n---\nmoonloop: 1\n", "bad.yaml"),
        ("!!python/object/apply:os.system [ls]", "bad.yaml"),
        ("\0", "bad.yaml"),
    ],
)
def test_what_is_no_campaign_at_all_is_told(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file, an empty one, one that is meant to harm: a sentence with the file's name."""
    monkeypatch.setattr(campaign_file, "_MOST", 10_000)
    with pytest.raises(CampaignFileInvalid) as invalid:
        read_campaign_file(_written(tmp_path, text))

    assert words in str(invalid.value)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    """A spreadsheet given by mistake."""
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"PK\x03\x04\xff\xfe\xfd")

    with pytest.raises(CampaignFileInvalid, match="cannot be read"):
        read_campaign_file(path)


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_opened_is_told(name: str, tmp_path: Path, terminal: Terminal) -> None:
    """Exit code 3 and the path, for a folder as for nothing at all."""
    said = terminal("campaign", "start", str(tmp_path / name))

    assert 3 == said.code
    assert str(tmp_path / name) in said.err


TABLE = GOOD.replace(
    "  kind: factors\n", "  kind: table\n  csv: known.csv\n"
)  # the rows come from a file beside this one


def test_a_table_beside_the_file_is_read(tmp_path: Path) -> None:
    """Its columns are found by name, in any order, with others between them; a row twice is one."""
    rows = "note,temperature,catalyst\nx,20,acid\ny,40,base\nz,20.0,acid\n"
    _written(tmp_path, rows, "known.csv")

    space = read_campaign_file(_written(tmp_path, TABLE)).space
    assert isinstance(space, CandidateTable)
    assert [("acid", 20.0), ("base", 40.0)] == [tuple(row) for row in space.rows]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("temperature\n20\n", "known.csv:1: it has no column catalyst"),
        ("catalyst,temperature\nacid,20\nbase\n", "known.csv:3: temperature: the cell is missing"),
        ("catalyst,temperature\nacid,warm\nbase,20\n", "warm"),
        ("catalyst,temperature\nacid,nan\nbase,20\n", "nan"),
        (None, "known.csv: it cannot be read"),
    ],
)
def test_a_bad_table_is_told(rows: str | None, words: str, tmp_path: Path) -> None:
    """The table's own file and line, where it is the table's own fault."""
    if rows is not None:
        _written(tmp_path, rows, "known.csv")

    with pytest.raises(CampaignFileInvalid) as invalid:
        read_campaign_file(_written(tmp_path, TABLE))
    assert words in str(invalid.value)


@settings(max_examples=60)
@given(st.text(max_size=200), st.integers(0, len(GOOD)))
def test_whatever_is_in_a_file_is_read_or_told(text: str, at: int) -> None:
    """No file makes a stack trace: it is a campaign, or it is invalid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_text(GOOD[:at] + text + GOOD[at:], encoding="utf-8", errors="surrogatepass")
        with suppress(CampaignFileInvalid):
            read_campaign_file(path)
