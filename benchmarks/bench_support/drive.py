"""Robots without an experiment: claim, accept, start, finish, as fast as the service answers."""

import sys
import threading
import time

from moonloop.client.http import Connection
from moonloop.client.jobs import JobClient
from moonloop.domain.messages import ClaimRequest, EnrolRequest, FinishRequest
from moonloop.domain.results import FinishReport, Outcome, ReportedMeasurement
from moonloop.domain.robots import Capabilities

REPORT = FinishReport(
    outcome=Outcome.SUCCEEDED, measurements=(ReportedMeasurement(name="yield", value=50.0, unit="%"),)
)


def enrol(owner: Connection, number: int) -> JobClient:
    """Return the client of a new robot."""
    code = owner.post("/v1/robots/codes", {"kind": "simulated"}, dict[str, str])["code"]
    capabilities = Capabilities(protocols=("table.lookup/1",))
    request = EnrolRequest(
        code=code, name=f"r{number}", adapter="bench", version="1", capabilities=capabilities
    )
    with Connection(owner.url) as anybody:
        return JobClient(Connection(owner.url, JobClient(anybody).enrol(request).token))


def work(client: JobClient, name: int, done: list[float]) -> None:
    """Carry out jobs until there are none."""
    for number in range(1_000_000):
        offer = client.claim(ClaimRequest(request_id=f"drive-{name}-{number:08d}", wait_s=0))
        if offer is None:
            return
        client.accept(offer.attempt_id, offer.fence)
        client.start(offer.attempt_id, offer.fence)
        client.finish(offer.attempt_id, FinishRequest(fence=offer.fence, report=REPORT))
        done.append(time.perf_counter())


def insert(connection: Connection, until: float, done: list[float]) -> None:
    """Insert rows into the bare handler until the time is over."""
    while time.perf_counter() < until:
        connection.post("/insert", {"text": "x" * 500}, dict[str, int])
        done.append(time.perf_counter())


def rate(threads: list[threading.Thread], done: list[float]) -> float:
    """Run the threads; return what was done per second."""
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done) / (max(done) - began)


def main(url: str, token: str, robots: int) -> None:
    """Print the rate."""
    done: list[float] = []
    if token == "bare":
        until = time.perf_counter() + 5
        threads = [
            threading.Thread(target=insert, args=(Connection(url), until, done)) for _ in range(robots)
        ]
    else:
        owner = Connection(url, token)
        clients = [enrol(owner, number) for number in range(robots)]
        threads = [threading.Thread(target=work, args=(one, n, done)) for n, one in enumerate(clients)]
    print(rate(threads, done))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
