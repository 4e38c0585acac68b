"""Thoughts by name, as JSON in and JSON out: what the processes of `thinking` run."""

from collections.abc import Callable, Mapping
from typing import Any

from moonloop import scientist
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.facts import CampaignFacts
from moonloop.domain.history import History

__all__ = ["BY_NAME"]


def _propose(spec: Any, history: Any) -> Any:
    found = scientist.propose(CampaignSpec.model_validate(spec), History.model_validate(history))
    return [hypothesis.model_dump(mode="json") for hypothesis in found]


def _plan_search(spec: Any, history: Any) -> Any:
    return _batch(scientist.plan_search(CampaignSpec.model_validate(spec), History.model_validate(history)))


def _plan_confirmation(spec: Any, history: Any) -> Any:
    return _batch(
        scientist.plan_confirmation(CampaignSpec.model_validate(spec), History.model_validate(history))
    )


def _batch(batch: scientist.PlannedBatch | None) -> Any:
    return None if batch is None else batch.model_dump(mode="json")


def _analyse(spec: Any, history: Any) -> Any:
    known_spec, known = CampaignSpec.model_validate(spec), History.model_validate(history)
    evidence = scientist.judge(known_spec, known)
    latest = {item.hypothesis_id: item for item in (*known.evidence, *evidence)}
    seen = known.model_copy(update={"evidence": tuple(latest.values())})
    advice = scientist.advise(known_spec, seen)
    return {
        "evidence": [item.model_dump(mode="json") for item in evidence],
        "advice": advice.model_dump(mode="json"),
    }


def _survey(spec: Any) -> Any:
    return scientist.survey(CampaignSpec.model_validate(spec)).model_dump(mode="json")


def _render(facts: Any) -> Any:
    from moonloop.report import render  # noqa: PLC0415 -- figures are heavy, and most thoughts draw none

    report = render(CampaignFacts.model_validate(facts))
    return {"text/html": report.html, "text/markdown": report.markdown}


BY_NAME: Mapping[str, Callable[..., Any]] = {
    "propose": _propose,
    "plan_search": _plan_search,
    "plan_confirmation": _plan_confirmation,
    "analyse": _analyse,
    "survey": _survey,
    "render": _render,
}
