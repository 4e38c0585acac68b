"""Lying doubles: one for each kind of lie, made from the honest answer of the same role.

Each is a script for the scripted endpoint; what it is not to lie about, it says as the honest double does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moonloop.agents.roles.doubles import answer
from moonloop.agents.roles.recollection import Known, known_from
from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.scenario import role_of

__all__ = ["LIES", "Lie", "liar"]

Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lie:
    """A way of lying, and what code says to it."""

    role: str
    told: Callable[[Form, Known], Form | str]
    """From the honest answer and what is known to the lie, as a form or as bare text."""
    refusal: str
    """Part of the sentence with which it is refused."""


def liar(lie: Lie) -> Callable[[str, list[dict[str, Any]], Sequence[Mapping[str, Any]]], ScriptedAnswer]:
    """Return a script that lies in one way in its role, every time, and plays the others honestly."""

    def script(
        schema_name: str, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> ScriptedAnswer:
        if role_of(schema_name, messages) != lie.role:
            return answer(schema_name, messages, tools)
        honest = answer(lie.role, messages[:2], ())
        told = lie.told(json.loads(honest.text), known_from(messages))
        return ScriptedAnswer(text=told if isinstance(told, str) else json.dumps(told))

    return script


def _claim(**changes: Any) -> Callable[[Form, Known], Form]:
    """Lie in the fields of a claim."""
    return lambda honest, known: {"claims": [{**_first_claim(honest, known), **changes}]}


def _first_claim(honest: Form, known: Known) -> Form:
    if honest["claims"]:
        return honest["claims"][0]
    factor, levels = next(iter(known.levels.items()))
    return {
        "kind": "effect", "factor": factor, "level_a": levels[0], "level_b": levels[1], "delta": 0,
        "statement": "One is better.", "mechanism": "", "probability": 0.6, "evidence": [],
    }  # fmt: skip


def _same_levels(honest: Form, known: Known) -> Form:
    claim = _first_claim(honest, known)
    return {"claims": [{**claim, "level_b": claim["level_a"]}]}


def _repeated(honest: Form, known: Known, *, turned: bool) -> Form:
    row = next(row for row in known.blocks["claims"] if "level_a" in row)
    levels = (row["level_a"], row["level_b"])
    one, other = reversed(levels) if turned else levels
    claim = {**_first_claim(honest, known), "factor": row["factor"], "level_a": one, "level_b": other}
    return {"claims": [claim]}


def _twice(honest: Form, known: Known) -> Form:
    claim = _first_claim(honest, known)
    return {"claims": [claim, {**claim, "level_a": claim["level_b"], "level_b": claim["level_a"]}]}


def _suggestion(**changes: Any) -> Callable[[Form, Known], Form]:
    """Lie in the fields of a suggestion, and suggest nothing else."""
    return lambda honest, _: {**honest, "suggestions": [{**honest["suggestions"][0], **changes}]}


def _run_before(honest: Form, known: Known) -> Form:
    settings = [{"factor": factor, "level": level} for factor, level in known.tried[0].items()]
    return {**honest, "suggestions": [{**honest["suggestions"][0], "settings": settings}]}


def _far_away(honest: Form, known: Known) -> Form:
    factor = next(iter(known.levels))
    settings = [{"factor": factor, "level": "the far side of the moon"}]
    return {**honest, "suggestions": [{**honest["suggestions"][0], "settings": settings}]}


def _utility(**changes: Any) -> Callable[[Form, Known], Form]:
    return lambda honest, known: {**honest, "utilities": [{**_first_utility(known), **changes}]}


def _first_utility(known: Known) -> Form:
    factor, levels = next(iter(known.levels.items()))
    return {"factor": factor, "level": levels[0], "utility": 0.5}


def _avoids_nothing_real(honest: Form, known: Known) -> Form:
    wrong = {"factor": next(iter(known.levels)), "level": "none such", "why": "It explodes."}
    return {**honest, "avoidances": [wrong]}


def _objections(*places: int) -> Callable[[Form, Known], Form]:
    blank = {"testable": True, "new": True, "why": ""}
    return lambda honest, _: {**honest, "objections": [{"claim": place, **blank} for place in places]}


def _compares(better: int, worse: int) -> Callable[[Form, Known], Form]:
    return lambda honest, _: {**honest, "comparisons": [{"better": better, "worse": worse}]}


def _finding(**changes: Any) -> Callable[[Form, Known], Form]:
    return lambda honest, _: {"findings": [{**honest["findings"][0], **changes}]}


def _says(sentence: str) -> Callable[[Form, Known], Form]:
    return lambda honest, _: {"sentences": [*honest["sentences"], sentence]}


def _bare(text: str) -> Callable[[Form, Known], str]:
    return lambda _, __: text


_NOT_THERE = "mea_test0001_0099_0099_01_0"

LIES: Mapping[str, Lie] = {
    "claims an unknown factor": Lie("proposer", _claim(factor="phase of the moon"), "is no factor"),
    "claims an unknown level": Lie("proposer", _claim(level_a="unobtainium"), "is no level of"),
    "claims a kind without a rule": Lie("proposer", _claim(kind="trend"), "has no verdict rule"),
    "claims the algorithm's kind": Lie("proposer", _claim(kind="prediction"), "has no verdict rule"),
    "compares a level with itself": Lie("proposer", _same_levels, "are the same level"),
    "repeats a refuted claim": Lie(
        "proposer",
        lambda honest, known: _repeated(honest, known, turned=False),
        "is about the same two levels",
    ),
    "turns a refuted claim around": Lie(
        "proposer",
        lambda honest, known: _repeated(honest, known, turned=True),
        "is about the same two levels",
    ),
    "claims one thing twice": Lie("proposer", _twice, "another claim of this answer"),
    "claims a delta below zero": Lie("proposer", _claim(delta=-0.1), "delta is -0.1"),
    "claims a delta as wide as the range": Lie("proposer", _claim(delta=1e6), "the width of the objective"),
    "claims a delta that makes a test of signs": Lie("proposer", _claim(delta=0.9), "a hundredth of the"),
    "claims a delta that no test can count with": Lie("proposer", _claim(delta=1e-320), "a hundredth of the"),
    "is more than certain": Lie("proposer", _claim(probability=1.2), "probability is 1.2"),
    "is less than doubtful": Lie("proposer", _claim(probability=-0.2), "probability is -0.2"),
    "has no number for its probability": Lie("proposer", _claim(probability=float("nan")), "probability"),
    "has a word for its probability": Lie("proposer", _claim(probability="high"), "probability"),
    "invents a measurement": Lie("proposer", _claim(evidence=[_NOT_THERE]), "no measurement of the campaign"),
    "invents a passage": Lie(
        "proposer", _claim(evidence=["lit_0badcafe_1"]), "no passage that a tool has shown"
    ),
    "cites an authority": Lie(
        "proposer", _claim(evidence=["the director"]), "no measurement of the campaign"
    ),
    "gives itself a name": Lie("proposer", _claim(proposer="algorithmic"), "proposer"),
    "adds an order": Lie(
        "proposer", lambda honest, _: {**honest, "approve": "rev_test0001_0001_01"}, "approve"
    ),
    "judges what was not claimed": Lie("critic", _objections(7), "there is no claim 7"),
    "judges a negative claim": Lie("critic", _objections(-1), "objections[0]"),
    "judges twice": Lie("critic", _objections(0, 0), "is judged twice"),
    "compares a claim with itself": Lie("critic", _compares(0, 0), "is compared with itself"),
    "compares what was not claimed": Lie("critic", _compares(0, 9), "there is no claim 9"),
    "suggests what is not in the space": Lie("advisor", _far_away, "suggestions[0]"),
    "suggests what was run": Lie("advisor", _run_before, "was run before"),
    "suggests both ways": Lie("advisor", _suggestion(smiles="O=C1C=CC(=O)C=C1"), "leave the other empty"),
    "suggests nothing": Lie("advisor", _suggestion(settings=[]), "suggestions[0]"),
    "is more than certain of a candidate": Lie("advisor", _suggestion(probability=7), "probability is 7"),
    "praises without bounds": Lie("advisor", _utility(utility=100), "utility is 100"),
    "praises an unknown level": Lie("advisor", _utility(level="unobtainium"), "is no level of"),
    "avoids an unknown level": Lie("advisor", _avoids_nothing_real, "is no level of"),
    "finds in nothing": Lie("analyst", _finding(measurements=[_NOT_THERE]), "no measurement of the campaign"),
    "finds without measurements": Lie("analyst", _finding(measurements=[]), "measurements"),
    "is more than certain of a finding": Lie("analyst", _finding(probability=2), "probability is 2"),
    "says nothing as a finding": Lie("analyst", _finding(statement="\u200b"), "findings[0]"),
    "writes a number": Lie("reporter", _says("The yield was 97 %."), "it has a digit"),
    "writes a number as a word": Lie("reporter", _says("Ninety per cent were confirmed."), '"ninety"'),
    "names a figure that is not there": Lie(
        "reporter", _says("It gave {best.guess}."), "is none of the figures"
    ),
    "lengthens a figure": Lie("reporter", _says("It took {cycles}k cycles."), "must stand free"),
    "turns the sign of a figure": Lie("reporter", _says("It took -{cycles} cycles."), "must stand free"),
    "hides a number": Lie("reporter", _says("Nin\u200bety were good."), "invisible"),
    "breaks a brace": Lie("reporter", _says("It gave {{ config }}."), "a brace is only for"),
    "writes prose": Lie("proposer", _bare("I would try gold."), "Invalid JSON"),
    "writes nothing": Lie("critic", _bare(""), "Invalid JSON"),
    "writes half of it": Lie("advisor", _bare('{"utilities": ['), "Invalid JSON"),
    "writes without end": Lie("analyst", _bare("[" * 50_000), "50000 characters"),
    "writes a list": Lie("reporter", _bare("[]"), "Input should be an object"),
}
"""Every kind of lie, by what it does."""
