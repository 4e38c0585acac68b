"""What the tests of the adapters share: job specs, and a context that remembers."""

from collections.abc import Mapping

import pytest

from moonloop.domain.plans import JobSpec, Measure
from moonloop.domain.robots import Requires, RobotKind
from moonloop.domain.space import Candidate
from moonloop.domain.values import Scalar
from support.recorder import JobMaker, Recorder


@pytest.fixture
def recorder() -> Recorder:
    """A context that remembers."""
    return Recorder()


@pytest.fixture(scope="session")
def job() -> JobMaker:
    """Make a job spec; whatever a test does not say is beside its point."""

    def make(
        protocol: str,
        measure: Measure,
        *,
        smiles: str | None = None,
        settings: Mapping[str, Scalar] | None = None,
        parameters: Mapping[str, Scalar] | None = None,
        seed: int = 7,
        timeout_s: float = 60.0,
    ) -> JobSpec:
        return JobSpec(
            job_id="job_test_0001_0000",
            campaign_id="cmp_test",
            cycle=1,
            protocol=protocol,
            parameters=parameters or {},
            candidate=Candidate(key=smiles or "settings", settings=settings or {}, smiles=smiles),
            seed=seed,
            measures=(measure,),
            requires=Requires(kind=RobotKind.COMPUTATIONAL, protocol=protocol),
            timeout_s=timeout_s,
        )

    return make
