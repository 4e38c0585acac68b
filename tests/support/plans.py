"""Plans that ask for something else than the usual yield in %."""

from typing import Any

from moonloop.domain.canonical import seal
from moonloop.domain.plans import Measure
from moonloop.store import campaigns, jobs, plans
from moonloop.store import tables as t
from support.campaigns import Bench, make_plan

__all__ = ["queue_asking_for"]


def queue_asking_for(bench: Bench, *measures: Measure, **changes: Any) -> None:
    """Queue a plan of one job that must report these measures, with changes to its spec."""
    bench.do(campaigns.next_step, bench.campaign, "algorithmic")
    plan, _, [(spec, _)] = make_plan(bench.spec, size=1, campaign=bench.campaign)
    asking = spec.model_copy(update={"measures": measures} | changes)
    run = plan.runs[0].model_copy(update={"spec_sha256": seal(asking).sha256})
    changed = plan.model_copy(update={"runs": (run,)})
    bench.do(plans.record_plan, changed, seal(changed), [(asking, seal(asking))])
    bench.do(plans.screen, changed.id)
    review = bench.review(changed)
    if bench.state(t.reviews, review) == "open":
        bench.decide(review)
    bench.do(jobs.queue, changed.id)
