"""Scripted doubles: sensible play for every role, made of what its brief says and of nothing else.

They stand in for a model where there is none, in tests and in the demonstration. Their answers are computed
from means of the data by plain rules; that they are scripted is said wherever words of theirs can show.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from statistics import fmean
from typing import Any

from moonloop.agents.roles.recollection import Known, has_level, known_from, pull
from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.scenario import role_of

__all__ = ["answer"]

_QUESTIONS: Mapping[str, Mapping[str, Any]] = {
    "data_query": {"sql": "SELECT purpose, count(*), min(value), max(value) FROM runs GROUP BY purpose"},
    "designer_best": {"limit": 3},
}
"""What a double asks, by the tool's name."""

_SUGGESTIONS = 4
"""As many as the faults that are told at once: what is sent back is mended in one go."""


def answer(
    schema_name: str, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> ScriptedAnswer:
    """Return what the double of a role says: one question to a tool where there is one, then its decision.

    What was sent back it leaves out; of a claim nothing is left then. To a request in no role, such as that
    of a probe, it says a sentence.
    """
    role = role_of(schema_name, messages)
    if not role:  # somebody tries the endpoint out
        return ScriptedAnswer(text="Scripted play, no model: ready.")
    said = [str(one.get("content")) for one in messages if one.get("role") == "user"]
    faults = " ".join(said[1:])
    has_asked = any(message.get("role") == "tool" for message in messages)
    question = None if faults or has_asked else _question(tools)
    if question is not None:
        return ScriptedAnswer(tool_calls=(question,))
    decision = _PLAY[role](known_from(messages), faults)
    return ScriptedAnswer(text=json.dumps(decision, ensure_ascii=False))


def _propose(known: Known, faults: str) -> dict[str, Any]:
    found = next(iter(sorted(_contrasts(known), key=lambda one: -one[3])), None)
    if found is None or faults:
        return {"claims": []}
    factor, better, worse, advantage = found
    rests_on = [one.measurement for one in known.seen if has_level(one, factor, better)][:2]
    claim = {
        "kind": "effect", "factor": factor, "level_a": better, "level_b": worse, "delta": 0,
        "statement": f"On average over the rest of the space, {factor} {better} is better than {worse}.",
        "mechanism": f"Scripted play, no model: {_ground(known, factor)}.",
        "probability": round(0.55 + 0.3 * min(1.0, advantage / (0.3 * known.width)), 2),
        "evidence": rests_on,
    }  # fmt: skip
    return {"claims": [claim]}


def _criticise(known: Known, faults: str) -> dict[str, Any]:  # noqa: ARG001  one call for all
    rows = known.blocks["proposed_claims"]
    objections = [
        {
            "claim": row["number"],
            "testable": True,
            "new": (row["factor"], frozenset((row["level_a"], row["level_b"]))) not in known.claimed,
            "why": "Scripted play, no model: it names levels of the space.",
        }
        for row in rows
    ]
    order = sorted(rows, key=lambda row: abs(row["probability"] - 0.6))
    pairs = [{"better": one["number"], "worse": other["number"]} for one, other in combinations(order, 2)]
    return {"objections": objections, "comparisons": pairs}


def _advise(known: Known, faults: str) -> dict[str, Any]:
    settings = list(islice(_molecules(known) if known.scaffolds else known.allowed, _SUGGESTIONS))
    suggestions = [
        {
            "settings": [{"factor": factor, "level": level} for factor, level in one.items()],
            "smiles": "",
            "probability": 0.6,
            "reason": "Scripted play, no model: it is near the best so far, or draws more electrons.",
        }
        for place, one in enumerate(settings)
        if f"suggestions[{place}]" not in faults
    ]
    return {
        "utilities": list(islice(_utilities(known), 8)),
        "suggestions": suggestions,
        "avoidances": [],
    }


def _analyse(known: Known, faults: str) -> dict[str, Any]:  # noqa: ARG001  one call for all
    if not known.seen:
        return {"findings": []}
    best, last = known.seen[0], known.seen[-1]
    among = ", ".join(f"{factor} {level}" for factor, level in best.settings.items())
    finding = {
        "statement": f"The best run so far has {among} (scripted play, no model).",
        "measurements": list(dict.fromkeys((best.measurement, last.measurement))),
        "probability": 0.6,
    }
    return {"findings": [finding]}


def _narrate(known: Known, faults: str) -> dict[str, Any]:  # noqa: ARG001  one call for all
    named = {row[0] for row in known.blocks["figures"][1:]}
    told = (
        ("", "A scripted endpoint wrote this text; no model did."),
        ("experiments.done", "The campaign used {experiments.done} of {experiments.limit} experiments."),
        ("runs.failed", "Of {runs.planned} runs {runs.failed} failed."),
        ("best.value", "The best routine value is {best.value}, of {best.candidate}."),
        ("claims.registered", "Registered were {claims.registered} claims."),
        ("claims.registered", "Supported were {claims.supported}, refuted {claims.refuted}."),
    )  # fmt: skip
    return {"sentences": [sentence for name, sentence in told if not name or name in named]}


_PLAY = {
    "advisor": _advise,
    "analyst": _analyse,
    "critic": _criticise,
    "proposer": _propose,
    "reporter": _narrate,
}


def _question(tools: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    offered = {str(tool["function"]["name"]) for tool in tools}
    return next(((name, json.dumps(_QUESTIONS[name])) for name in _QUESTIONS if name in offered), None)


def _contrasts(known: Known) -> Iterator[tuple[str, str, str, float]]:
    """Yield the pairs of levels that no claim is about: factor, better, worse, by how much so far."""
    for factor, levels in known.levels.items():
        for one, other in combinations(levels, 2):
            if (factor, frozenset((one, other))) in known.claimed:
                continue
            first, second = known.mean(factor, one), known.mean(factor, other)
            if first is None or second is None:
                yield factor, one, other, 0.0
            elif known.sign * (first - second) >= 0:
                yield factor, one, other, abs(first - second)
            else:
                yield factor, other, one, abs(first - second)


def _ground(known: Known, factor: str) -> str:
    if any(known.mean(factor, level) is not None for level in known.levels[factor]):
        return "the means of the runs so far differ so"
    return "nothing has been measured, and it comes first in the list"


def _utilities(known: Known) -> Iterator[dict[str, Any]]:
    for factor, levels in known.levels.items():
        means = {level: known.mean(factor, level) for level in levels}
        values = [mean for mean in means.values() if mean is not None]
        for level, mean in means.items():
            if mean is not None and len(values) > 1:
                told = known.sign * (mean - fmean(values)) / known.width
                yield {"factor": factor, "level": level, "utility": round(max(-1.0, min(1.0, 2 * told)), 2)}


def _molecules(known: Known) -> Iterator[dict[str, str]]:
    """Yield molecules with two withdrawing groups, by turns on the best scaffold and on the smallest."""
    best: Mapping[str, str] = known.seen[0].settings if known.seen else {}
    smallest = min(known.scaffolds, key=lambda scaffold: len(_places(known, scaffold)[1]))
    for groups in combinations(sorted(known.groups, key=pull)[:5], 2):
        for scaffold in dict.fromkeys((best.get("scaffold", smallest), smallest)):
            places, _ = _places(known, scaffold)
            made = {"scaffold": scaffold, places[0]: groups[0], places[len(places) // 2]: groups[1]}
            if len(made) == 3 and made not in known.tried:
                yield made


def _places(known: Known, scaffold: str) -> tuple[list[str], str]:
    """Return the locants of a scaffold, and its SMILES without them."""
    smiles = next(str(row["smiles"]) for row in known.blocks["space"] if row.get("scaffold") == scaffold)
    locants = re.findall(r"\[\*:(\d+)\]", smiles)
    return sorted(locants, key=int), re.sub(r"\(?\[\*:\d+\]\)?", "", smiles)
