"""Adapters that fail in ways that instruments do; loaded by name, as a laboratory's own would be."""

import math
import os
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from moonloop.domain.plans import JobSpec
from moonloop.domain.results import ArtifactRef, FinishReport, Outcome, ReportedMeasurement
from moonloop.domain.robots import Capabilities
from moonloop.lab_adapters import beating
from moonloop.lab_adapters.adapter import Context, JobRefused, RunStopped

__all__ = ["build"]

PROTOCOL = "table.lookup/1"


def build(options: Mapping[str, str]) -> "Misbehaving":
    """Return an adapter that behaves as `how` says."""
    if "minutes" in options:
        _shift(timedelta(minutes=float(options["minutes"])))
    return Misbehaving(options["how"])


def _shift(by: timedelta) -> None:
    """Set the clock of this process wrong, as far as the robot reads it."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride] -- Self
            return datetime.now(tz) + by

    beating.datetime = Wrong  # pyright: ignore[reportPrivateImportUsage] -- the robot's own clock


class Misbehaving:
    """Measures 50 %, unless it is to do something else."""

    name = "misbehaving"
    version = "1"

    def __init__(self, how: str) -> None:
        self._how = how
        self._times = 0

    def capabilities(self) -> Capabilities:
        """Return the capability document."""
        return Capabilities(protocols=(PROTOCOL,))

    def check(self, spec: JobSpec) -> None:
        """Refuse, break, or find nothing wrong."""
        if self._how == "refuses":
            raise JobRefused(f"the stirrer is too short for {spec.candidate.key}")
        if self._how == "breaks at the check once" and self._times == 0:
            self._times += 1
            raise OSError("the serial port is gone")

    def run(self, spec: JobSpec, context: Context) -> FinishReport:
        """Break, lie, wait until the attempt is lost, or measure."""
        if self._how == "goes on until it must stop":
            while True:
                context.progress("stirring", 0.5)
                context.checkpoint()
                time.sleep(0.01)
        if self._how == "breaks":
            raise ZeroDivisionError("a gap of nothing")
        if self._how == "stops":
            raise RunStopped("told to")
        if self._how == "dies":
            os._exit(3)
        refs: tuple[ArtifactRef, ...] = ()
        if self._how == "stores":
            context.progress("storing", 0.5)
            refs = (context.store("trace.csv", b"1,2\n" * 50_000, "text/csv"),)
        if self._how == "names what it never stored":
            refs = (ArtifactRef(name="ghost", sha256="0" * 64, size=1),)
        name = "beauty" if self._how == "invents" else "yield"
        unit = "V" if self._how == "takes the wrong unit" else "%"
        value = math.nan if self._how == "measures nonsense" else 50.0
        number = ReportedMeasurement.model_construct(
            name=name, value=value, unit=unit, uncertainty=None, parts={}, quality="good", measured_at=None
        )
        return FinishReport.model_construct(
            outcome=Outcome.SUCCEEDED, measurements=(number,), artifacts=refs, failure="", failure_kind="",
            consumables={}, versions={"spec": spec.protocol},
        )  # fmt: skip

    def close(self) -> None:
        """Nothing was started."""
