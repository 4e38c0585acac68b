"""A campaign that has come to its end, with a result, an artifact, a loss and a report."""

from moonloop.domain.lifecycles import DoneReason
from moonloop.service.settings import Settings
from moonloop.store import campaigns
from moonloop.store.artifacts import ArtifactFiles
from moonloop.store.sealing import seal_journal
from support.devices import Site, measured

__all__ = ["finish_campaign"]

TRACE = b"time_s,yield\n0,0\n60,41.5\n"
REPORT = b"<!doctype html><title>All is well</title>"


def finish_campaign(site: Site, settings: Settings) -> None:
    """Bring the bench's campaign from its first plan to its report."""
    site.bench.queued(3)
    device = site.device()
    offer = device.running()
    ref = device.put(offer, TRACE).json()
    device.events(offer, [{"seq": 0, "type": "note", "data": {"said": "it bubbles"}}])
    artifact = {"name": "trace.csv", "media_type": "text/csv", **ref}
    report = measured(41.5, uncertainty=0.5) | {"artifacts": [artifact]}
    assert {"state": "succeeded"} == device.finish(offer, report).json()

    lost = device.running()
    site.bench.later(61)
    assert {"state": "quarantined"} == device.finish(lost, measured(3.0)).json()
    incident = site.owner.get("/v1/incidents").json()[0]["id"]
    said = {"resolution": "fail", "reason": "the flask broke"}
    assert site.owner.post(f"/v1/incidents/{incident}/reconcile", json=said).is_success

    bench = site.bench
    bench.do(campaigns.stop, bench.campaign, DoneReason.STOPPED_BY, "enough was learnt")
    files = ArtifactFiles(settings.artifacts, settings.artifact_limit)
    written = {"text/html": files.put("report.html", REPORT)}
    assert bench.do(campaigns.conclude, bench.campaign, written)
    while bench.do(seal_journal):
        pass
