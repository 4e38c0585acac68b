"""A campaign as tables in memory: what `data_query` asks."""

import sqlite3
from collections.abc import Iterable, Iterator

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Evidence, Hypothesis
from moonloop.domain.history import History, Observation
from moonloop.domain.limits import DescriptorLimit, GoalConstraint
from moonloop.domain.space import CategoricalFactor, ContinuousFactor, RGroupSpace, Space, level_text
from moonloop.domain.values import Scalar

__all__ = ["TABLES", "fill"]

_SCHEMA = """
CREATE TABLE campaign(name, goal, objective, unit, direction, low, high, target, cycle, experiments_left);
CREATE TABLE factors(factor, kind, unit, low, high, step);
CREATE TABLE levels(factor, level, number, smiles);
CREATE TABLE runs(job_id, cycle, place, purpose, label, candidate, smiles, outcome, value, sd,
    measurement_id, expected_mean, expected_sd, hypothesis_id, block, arm, suggested_by,
    suggested_probability);
CREATE TABLE settings(job_id, factor, level, number);
CREATE TABLE claims(hypothesis_id, kind, factor, level_a, level_b, delta, statement, mechanism, probability,
    proposer, registered_in);
CREATE TABLE evidence(hypothesis_id, verdict, e_support, e_refute, threshold, n, failed, estimate, low, high,
    projected);
CREATE TABLE evidence_measurements(hypothesis_id, measurement_id);
CREATE TABLE constraints(name, kind, low, high, smarts, why);
CREATE TABLE literature_values(name, smiles, value, citation);
CREATE VIEW measurements AS SELECT measurement_id, job_id, cycle, purpose, candidate, value, sd
    FROM runs WHERE outcome = 'measured';
"""

TABLES = frozenset(
    {
        "campaign",
        "claims",
        "constraints",
        "evidence",
        "evidence_measurements",
        "factors",
        "levels",
        "literature_values",
        "measurements",
        "runs",
        "settings",
        "wide",
    }
)
"""All that a question may read."""

_WIDEST = 60
"""Factors that `wide` has a column for."""

Row = tuple[object, ...]


def fill(database: sqlite3.Connection, spec: CampaignSpec, history: History) -> None:
    """Make the tables and views of a campaign in an empty database."""
    database.executescript(_SCHEMA)
    _insert(database, "campaign", [_campaign(spec, history)])
    _insert(database, "factors", _factors(spec.space))
    _insert(database, "levels", _levels(spec.space))
    _insert(database, "runs", (_run(seen) for seen in history.observations))
    _insert(database, "settings", (row for seen in history.observations for row in _settings(seen)))
    _insert(database, "claims", (_claim(one) for one in history.hypotheses))
    _insert(database, "evidence", (_evidence(one) for one in history.evidence))
    rests_on = ((e.hypothesis_id, measured) for e in history.evidence for measured in e.measurements)
    _insert(database, "evidence_measurements", rests_on)
    _insert(database, "constraints", (_constraint(one) for one in spec.constraints))
    _insert(
        database,
        "literature_values",
        ((one.name, one.smiles, one.value, one.citation) for one in spec.references),
    )
    database.execute(_wide(spec.space))


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    listed = list(rows)
    if listed:
        places = ", ".join("?" * len(listed[0]))
        database.executemany(f"INSERT INTO {table} VALUES ({places})", listed)  # noqa: S608 -- the names are ours


def _campaign(spec: CampaignSpec, history: History) -> Row:
    aim = spec.objective
    return (
        spec.name,
        spec.goal,
        aim.name,
        aim.unit,
        aim.direction,
        *aim.range,
        aim.target,
        history.cycle,
        history.experiments_left,
    )


def _factors(space: Space) -> Iterator[Row]:
    if isinstance(space, RGroupSpace):
        for name in _names(space):
            yield (name, "categorical", None, None, None, None)
        return
    for factor in space.factors:
        if isinstance(factor, CategoricalFactor):
            yield (factor.name, factor.kind, None, None, None, None)
        elif isinstance(factor, ContinuousFactor):
            yield (factor.name, factor.kind, factor.unit, factor.low, factor.high, factor.step)
        else:
            yield (factor.name, factor.kind, factor.unit, min(factor.levels), max(factor.levels), None)


def _levels(space: Space) -> Iterator[Row]:
    if isinstance(space, RGroupSpace):
        for scaffold in space.scaffolds:
            yield ("scaffold", scaffold.name, None, scaffold.smiles)
        for group in space.substituents:
            yield ("substituent", group.name, None, group.smiles)
        return
    for factor in space.factors:
        if isinstance(factor, CategoricalFactor):
            for level in factor.levels:
                yield (factor.name, level, None, factor.substances.get(level))
        elif not isinstance(factor, ContinuousFactor):
            for level in factor.levels:
                yield (factor.name, level_text(level), level, None)


def _run(seen: Observation) -> Row:
    expected, test, suggested = seen.expected, seen.test, seen.suggested
    return (
        seen.job_id,
        seen.cycle,
        seen.index,
        seen.purpose,
        seen.label,
        seen.candidate.key,
        seen.candidate.smiles,
        seen.outcome,
        seen.value,
        seen.sd,
        seen.measurement_id,
        expected.mean if expected else None,
        expected.sd if expected else None,
        test.hypothesis_id if test else None,
        test.block if test else None,
        test.arm if test else None,
        suggested.proposer if suggested else None,
        suggested.probability if suggested else None,
    )


def _settings(seen: Observation) -> Iterator[Row]:
    for factor, level in seen.candidate.settings.items():
        yield (seen.job_id, factor, level_text(level), _number(level))


def _claim(one: Hypothesis) -> Row:
    said, claim = one.proposed, one.proposed.claim
    compared = (
        (claim.factor, level_text(claim.level_a), level_text(claim.level_b))
        if isinstance(claim, Effect)
        else (None, None, None)
    )
    return (
        one.id,
        claim.kind,
        *compared,
        one.delta,
        said.statement,
        said.mechanism,
        said.probability,
        said.proposer,
        one.registered_in,
    )


def _evidence(one: Evidence) -> Row:
    return (
        one.hypothesis_id,
        one.verdict,
        one.e_support,
        one.e_refute,
        one.threshold,
        one.n,
        one.failed,
        one.estimate,
        one.low,
        one.high,
        one.projected,
    )


def _constraint(one: GoalConstraint) -> Row:
    if isinstance(one, DescriptorLimit):
        return (one.name, one.descriptor, one.at_least, one.at_most, None, one.why)
    return (one.name, one.kind, None, one.at_most, one.smarts, one.why)


def _wide(space: Space) -> str:
    """Return the view with a column per factor; a name that is taken already gets a dash and a number."""
    taken = {"measurement_id", "job_id", "cycle", "purpose", "candidate", "value", "sd"}
    columns: list[str] = []
    for factor in _names(space)[:_WIDEST]:
        name = factor
        while name.casefold() in taken:
            name += "-2"
        taken.add(name.casefold())
        level = "SELECT coalesce(s.number, s.level) FROM settings s WHERE s.job_id = m.job_id"
        columns.append(f"({level} AND s.factor = {_literal(factor)}) AS {_identifier(name)}")
    listed = ", ".join(["m.*", *columns])
    return f"CREATE VIEW wide AS SELECT {listed} FROM measurements m"  # noqa: S608 -- names and texts are quoted


def _names(space: Space) -> list[str]:
    if isinstance(space, RGroupSpace):
        locants = {position for scaffold in space.scaffolds for position in scaffold.positions}
        return ["scaffold", *sorted(locants, key=int)]
    return [factor.name for factor in space.factors]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _number(level: Scalar) -> float | None:
    return float(level) if isinstance(level, (int, float)) and not isinstance(level, bool) else None
