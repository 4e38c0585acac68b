"""The adapter: checks a job, has the child compute it, and reports what came of it."""

import json
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from moonloop.domain.errors import InvalidInput
from moonloop.domain.plans import JobSpec
from moonloop.domain.results import ArtifactRef, FinishReport, Outcome
from moonloop.domain.robots import Capabilities, Interval, RobotKind
from moonloop.domain.values import Value
from moonloop.lab_adapters.adapter import Adapter, Context, JobRefused
from moonloop.lab_adapters.xtb.calibration import calibration
from moonloop.lab_adapters.xtb.child import Child, ChildDied
from moonloop.lab_adapters.xtb.measurement import measurement
from moonloop.lab_adapters.xtb.messages import Accepted, Answer, Done, Failed, Log, Order, Progress
from moonloop.lab_adapters.xtb.request import PROTOCOL, Request, request

__all__ = ["KIND", "XtbAdapter", "XtbOptions", "build"]

KIND = RobotKind.COMPUTATIONAL
"""What a robot with this adapter is."""

_LIBRARIES = ("rdkit", "tblite")
"""What the child loads."""
_POLL_S = 0.2
"""How often a pause or a stop is looked for while the child computes."""
_CHECK_S = 60.0
"""A check takes milliseconds once the child has loaded its libraries; a cold disk may take long."""

FailureKind = Literal["input", "instrument", "timeout", "not_converged", "crash"]


class XtbOptions(Value):
    """What a person may set when they start this robot."""

    max_atoms: Annotated[int, Field(ge=4, le=1000)] = 120
    """Of the hydroquinone; the time rises with the cube."""
    max_conformers: Annotated[int, Field(ge=2, le=1000)] = 100
    """Starting structures that a job may ask for."""


def build(options: Mapping[str, str]) -> Adapter:
    """Return the adapter that the options describe; raise `InvalidInput` when they do not.

    Raises `ModuleNotFoundError` when the libraries of the extra `xtb` are not installed.
    """
    for library in _LIBRARIES:
        if find_spec(library) is None:  # before it enrols: a robot that can do nothing would refuse every job
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
    try:
        return XtbAdapter(XtbOptions.model_validate(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        known = f"known options are {', '.join(XtbOptions.model_fields)}"
        raise InvalidInput(
            where=f"option {first['loc'][0]} of the xtb adapter", why=f"{first['msg']}; {known}"
        ) from None


class _Stopped(Exception):
    """The calculation ended without an answer."""

    def __init__(self, kind: FailureKind, why: str) -> None:
        super().__init__(why)
        self.kind: FailureKind = kind
        self.why = why


class XtbAdapter:
    """Reduction potentials by GFN-xTB, computed in a child process that a crash or a hang cannot outlive."""

    name = "xtb"
    version = "1"

    def __init__(self, options: XtbOptions | None = None, child: Child | None = None) -> None:
        self._options = options or XtbOptions()
        self._child = child or Child()

    def capabilities(self) -> Capabilities:
        """Return the capability document."""
        return Capabilities(
            protocols=(PROTOCOL,),
            limits={"conformers": Interval(low=2, high=self._options.max_conformers)},
        )

    def check(self, spec: JobSpec) -> None:
        """Check parameters and structure; raise `JobRefused` with a sentence."""
        order = Order(command="check", request=self._request(spec), max_atoms=self._options.max_atoms)
        try:
            self._converse(order, _CHECK_S, _Unattended())
        except _Stopped as stopped:
            raise JobRefused(stopped.why) from None

    def run(self, spec: JobSpec, context: Context) -> FinishReport:
        """Compute the potential and report it; `RunStopped` passes through, after the child was killed."""
        records = _Records(context)
        try:
            asked = self._request(spec)
            order = Order(command="run", request=asked, max_atoms=self._options.max_atoms)
            answer = self._converse(order, spec.timeout_s, records)
            assert answer is not None
        except JobRefused as refused:
            return records.failure("input", str(refused), self._versions())
        except _Stopped as stopped:
            return records.failure(stopped.kind, stopped.why, self._versions())
        return records.success(asked, answer, self._versions() | dict(answer.versions))

    def close(self) -> None:
        """End the child process."""
        self._child.stop()

    def _versions(self) -> dict[str, str]:
        return {"adapter": f"{self.name} {self.version}", "calibration": calibration().version}

    def _request(self, spec: JobSpec) -> Request:
        asked = request(spec)
        if asked.conformers > self._options.max_conformers:
            raise JobRefused(
                f"this robot takes up to {self._options.max_conformers} conformers, not {asked.conformers}"
            )
        return asked

    def _converse(self, order: Order, timeout_s: float, records: "_Unattended") -> Answer | None:
        """Give an order, attend to the child until it is done; kill it when it must stop."""
        deadline = time.monotonic() + timeout_s
        self._child.send(order)
        while True:
            try:
                message = self._child.receive(_POLL_S)
            except ChildDied as death:
                records.log(death.output)
                raise _Stopped("crash", str(death)) from None
            if isinstance(message, Done):
                return message.answer
            if isinstance(message, Accepted):
                return None
            if isinstance(message, Failed):
                raise _Stopped(message.failure_kind, message.why)
            records.note(message)
            if time.monotonic() > deadline:
                self._child.stop()
                raise _Stopped("timeout", f"no answer within {timeout_s:g} s")
            if not isinstance(message, Log):  # log lines come in bursts
                before = time.monotonic()
                self._attend(records)
                deadline += time.monotonic() - before  # a pause is nobody's time

    def _attend(self, records: "_Unattended") -> None:
        try:
            records.checkpoint()
        except BaseException:
            self._child.stop()
            raise


class _Unattended:
    """Records of a check, which nobody follows."""

    def log(self, text: str) -> None:
        """Drop a line."""

    def note(self, message: Progress | Log | None) -> None:
        """Drop what the child says on the way."""

    def checkpoint(self) -> None:
        """Go on."""


class _Records(_Unattended):
    """Records of a run: the log so far, and the artifacts at the end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lines: list[str] = []

    def log(self, text: str) -> None:
        """Keep a line."""
        self._lines.append(text)

    def note(self, message: Progress | Log | None) -> None:
        """Pass progress on; keep what belongs in the log."""
        if isinstance(message, Progress):
            self._context.progress(message.step, message.fraction)
        elif message is not None:
            self.log(message.text)

    def checkpoint(self) -> None:
        """Let a pause or a stop take effect."""
        self._context.checkpoint()

    def failure(self, kind: FailureKind, why: str, versions: Mapping[str, str]) -> FinishReport:
        """Report that there is no number, with the log so far."""
        self.log(f"failed ({kind}): {why}")
        return FinishReport(
            outcome=Outcome.FAILED,
            artifacts=(self._log(),),
            failure=why[:4000],
            failure_kind=kind,
            versions=versions,
        )

    def success(self, asked: Request, answer: Answer, versions: Mapping[str, str]) -> FinishReport:
        """Report the potential with its energies, structures and log."""
        number = measurement(answer, calibration().line(asked))
        both = (answer.quinone, answer.hydroquinone)
        energies = {
            "request": asked.model_dump(),
            "answer": answer.model_dump(exclude={"quinone": {"xyz", "sdf"}, "hydroquinone": {"xyz", "sdf"}}),
            "measurement": number.model_dump(mode="json", exclude_none=True),
        }
        store = self._context.store
        artifacts = (
            store("energies.json", json.dumps(energies, indent=1).encode(), "application/json"),
            store("quinone.xyz", answer.quinone.xyz.encode(), "chemical/x-xyz"),
            store("hydroquinone.xyz", answer.hydroquinone.xyz.encode(), "chemical/x-xyz"),
            store("structures.sdf", "".join(each.sdf for each in both).encode(), "chemical/x-mdl-sdfile"),
            self._log(),
        )
        return FinishReport(
            outcome=Outcome.SUCCEEDED, measurements=(number,), artifacts=artifacts, versions=versions
        )

    def _log(self) -> ArtifactRef:
        return self._context.store("calculation.log", "\n".join([*self._lines, ""]).encode(), "text/plain")
