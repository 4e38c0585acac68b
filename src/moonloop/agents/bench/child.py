"""The process that answers: frames of JSON on its standard input and output, nothing else of the world."""

import base64
import json
import logging
import os
import struct
import sys
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from moonloop.agents.bench.confinement import confine
from moonloop.domain.documents import Document
from moonloop.domain.errors import MoonloopError
from moonloop.tools.answering import answer
from moonloop.tools.asking import Snapshot

__all__ = ["main"]

_HEADER = struct.Struct(">I")


class Answerer:
    """Answers frames; the snapshot of the last one is kept, for the next is often about the same."""

    def __init__(self) -> None:
        self._text: str = ""
        self._snapshot = Snapshot()

    @property
    def library(self) -> str | None:
        """The index that may be opened now."""
        return self._snapshot.library

    def reply(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Return the answer, an error that has a meaning, or the name of a fault."""
        try:
            return {"value": self._answered(frame)}
        except MoonloopError as error:
            facts = {key: str(value) for key, value in error.facts.items()}
            return {"error": {"type": error.slug, "facts": facts, "detail": str(error)}}
        except Exception as error:  # noqa: BLE001 -- whatever went wrong in here ends in here
            return {"fault": type(error).__name__}

    def _answered(self, frame: dict[str, Any]) -> str:
        if "document" in frame:
            return _extracted(frame["document"], base64.b64decode(frame["body"]))
        told = str(frame["snapshot"])
        if told != self._text:
            self._snapshot = Snapshot.model_validate_json(told)
            self._text = told
        return answer(frame["name"], frame["arguments"], self._snapshot)


def _extracted(document: Any, body: bytes) -> str:
    from moonloop.tools.literature import extract  # noqa: PLC0415 -- few frames bring a document

    return extract(TypeAdapter(Document).validate_python(document), body).model_dump_json()


def main() -> None:
    """Answer until the standard input ends."""
    asked, told = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    logging.disable(logging.CRITICAL)
    answerer = Answerer()
    _send(told, {"network": confine(int(sys.argv[1]), lambda: answerer.library)})
    while header := asked.read(_HEADER.size):
        (size,) = _HEADER.unpack(header)
        _send(told, answerer.reply(json.loads(asked.read(size))))


def _send(to: BinaryIO, value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    to.write(_HEADER.pack(len(body)) + body)
    to.flush()


if __name__ == "__main__":
    main()
