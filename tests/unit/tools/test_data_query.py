"""Questions in SQL over a campaign's data."""

import re
from statistics import median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.errors import InvalidInput
from moonloop.tools.asking import TOOLS, Snapshot
from moonloop.tools.asking.arguments import Query
from moonloop.tools.data import Rows, query
from support.seen import claimed, history_of, molecule_spec, observed, setting, setting_spec

_ONE, _FOUND = claimed()
_SNAPSHOT = Snapshot(spec=setting_spec(), history=history_of(hypotheses=(_ONE,), evidence=(_FOUND,)))


def ask(sql: str, snapshot: Snapshot = _SNAPSHOT) -> Rows:
    """Return the answer to a question."""
    return query(Query(sql=sql), snapshot)


def test_measurements_come_with_their_ids_and_factors() -> None:
    """`wide` has a row per measurement, its id, and a column per factor: numbers as numbers."""
    found = ask("SELECT measurement_id, value, solvent, temperature FROM wide LIMIT 1")
    assert ("measurement_id", "value", "solvent", "temperature") == found.columns
    assert (("mea_0000000000000001_0001_0000_01_0", 20.0, "water", 20.0),) == found.rows


def test_the_description_names_the_tables_as_they_are() -> None:
    """Every table and column that the description promises can be read."""
    described = TOOLS["data_query"].description
    tables = re.findall(r"(\w+)\(([\w, ]+)\)", described[described.index("Tables:") :])
    assert len(tables) >= 10
    for table, columns in tables:
        assert tuple(columns.split(", ")) == ask(f"SELECT {columns} FROM {table}").columns


def test_claims_and_their_evidence_join() -> None:
    """What a verdict rests on is found by joining on ids."""
    sql = (
        "SELECT c.statement, e.verdict, m.value FROM claims c JOIN evidence e USING (hypothesis_id) "
        "JOIN evidence_measurements USING (hypothesis_id) JOIN measurements m USING (measurement_id)"
    )
    assert (("Water is better than ethanol.", "undecided", 20.0),) == ask(sql).rows


def test_our_aggregates_are_those_of_the_textbook() -> None:
    """stdev() and median() agree with Python's own."""
    values = [float(row[0]) for row in ask("SELECT value FROM runs").rows if isinstance(row[0], float)]
    (found,) = ask("SELECT stdev(value), median(value) FROM runs").rows
    assert (stdev(values), median(values)) == pytest.approx(found)


def test_a_molecules_levels_are_there() -> None:
    """Scaffolds and substituents are levels, with their structures."""
    snapshot = Snapshot(spec=molecule_spec(), history=history_of(()))
    rows = ask(
        "SELECT level, smiles FROM levels WHERE factor = 'substituent' ORDER BY level LIMIT 1", snapshot
    )
    assert (("CH3", "[*]C"),) == rows.rows


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM runs",
        "UPDATE runs SET value = 1 RETURNING value",
        "CREATE TABLE x(y)",
        "DROP VIEW wide",
        "ATTACH 'x.db' AS x",
        "VACUUM INTO 'x.db'",
        "PRAGMA query_only = OFF",
        "SELECT * FROM sqlite_master",
        "SELECT count(*) FROM sqlite_schema",
        "SELECT * FROM pragma_table_info('runs')",
        "SELECT count(*) FROM dbstat",
        "SELECT value FROM json_each('[1]')",
        "SELECT load_extension('x')",
        "SELECT randomblob(9)",
        "SELECT printf('%999999999d', 1)",
        "SELECT 1; SELECT 2",
        "BEGIN",
        "SAVEPOINT s",
        "REINDEX",
        "ANALYZE",
        "",
        "-- nothing",
    ],
)
def test_whatever_is_no_question_about_the_campaign_is_refused(sql: str) -> None:
    """Only SELECT over the described tables with the listed functions is answered."""
    with pytest.raises(InvalidInput):
        ask(sql or " ")


def test_a_question_that_does_not_end_is_interrupted() -> None:
    """A recursion without end is stopped by the clock, and the answer says so."""
    with pytest.raises(InvalidInput, match="took longer than"):
        ask("WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x")


def test_a_long_answer_is_cut_and_says_so() -> None:
    """At most 100 rows come back, however many there are; what is missing is said."""
    found = ask(
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 300) SELECT n FROM x"
    )
    assert 100 == len(found.rows)
    assert found.cut is not None


def test_factors_with_any_name_have_a_column() -> None:
    """A factor named like a column, or like SQL, gets a column of its own and does no harm."""
    for name in ("value", 'a"; DROP TABLE runs; --', "it's", "Temperatur/°C"):
        factor = {"kind": "categorical", "name": name, "levels": ["x", "y"]}
        spec = setting_spec(space={"kind": "factors", "factors": [factor]})
        history = history_of((observed(0, 7.0, setting(**{name: "x"})),))
        found = ask("SELECT * FROM wide", Snapshot(spec=spec, history=history))
        assert "x" in found.rows[0]
        assert len(found.columns) == len({column.casefold() for column in found.columns})


@given(st.text(min_size=1, max_size=200))
def test_any_text_is_answered_or_refused(text: str) -> None:
    """Whatever is asked, the answer is a table or a reason, and nothing else."""
    try:
        found = ask(text)
    except InvalidInput:
        return
    assert len(found.rows) <= 100
