"""Questions by name, as JSON in and JSON out: what the processes of the bench run."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from moonloop.domain.errors import InvalidInput, ToolRefused
from moonloop.tools.asking import TOOLS, Snapshot

__all__ = ["answer", "checked"]


def answer(name: str, arguments: str, snapshot: Snapshot) -> str:
    """Return what a tool says, as JSON in one line of ASCII.

    Raises:
        InvalidInput: when the arguments are to be changed.
        ToolRefused: when asking again with other arguments is of no use.
    """
    asked = checked(name, arguments)
    found = _functions(name)(asked, snapshot)
    return json.dumps(found.model_dump(mode="json", exclude_none=True))


def checked(name: str, arguments: str) -> BaseModel:
    """Return a tool's arguments, validated; raise `InvalidInput` with what to change."""
    tool = TOOLS.get(name)
    if tool is None:
        raise ToolRefused(tool=name[:100], why="there is no such tool")
    try:
        return tool.arguments.model_validate_json(arguments or "{}")
    except ValidationError as error:
        raise InvalidInput(where=f"arguments of {name}", why=_why(error)) from error


def _why(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in problems[:5]]
    return "; ".join(told)[:800]


def _functions(name: str) -> Callable[[Any, Snapshot], BaseModel]:
    """Return the function that answers; only its own family is loaded."""
    family = name.partition("_")[0]
    loaded = _FAMILIES.get(family, dict)()
    if name not in loaded:
        raise ToolRefused(tool=name, why="it is not answered here")
    return loaded[name]


def _chemistry() -> Mapping[str, Callable[..., BaseModel]]:
    from moonloop.tools.chemistry import answers  # noqa: PLC0415 -- each family loads what it needs

    return {
        "chemistry_describe": answers.describe,
        "chemistry_draw": answers.draw,
        "chemistry_enumerate": answers.enumerated,
        "chemistry_similarity": answers.similarity,
        "chemistry_substructure": answers.substructure,
    }


def _data() -> Mapping[str, Callable[..., BaseModel]]:
    from moonloop.tools import data  # noqa: PLC0415 -- as above

    return {"data_query": data.query}


def _statistics() -> Mapping[str, Callable[..., BaseModel]]:
    from moonloop.tools import statistics  # noqa: PLC0415 -- as above

    return {
        "statistics_compare": statistics.compare,
        "statistics_evidence": statistics.evidence,
        "statistics_fit": statistics.fit,
    }


def _designer() -> Mapping[str, Callable[..., BaseModel]]:
    from moonloop.tools import predicting  # noqa: PLC0415 -- as above

    return {"designer_best": predicting.best, "designer_predict": predicting.predict}


def _literature() -> Mapping[str, Callable[..., BaseModel]]:
    from moonloop.tools import literature  # noqa: PLC0415 -- as above

    return {"literature_read": literature.read, "literature_search": literature.search}


_FAMILIES: Mapping[str, Callable[[], Mapping[str, Callable[..., BaseModel]]]] = {
    "chemistry": _chemistry,
    "data": _data,
    "designer": _designer,
    "literature": _literature,
    "statistics": _statistics,
}
