"""`moonloop review …`: what waits for a decision, and the decision."""

import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from moonloop.client.http import Connection
from moonloop.client.session import connect
from moonloop.client.terminal import JsonFlag, ago, as_given, print_json, print_table, say
from moonloop.domain.errors import InvalidInput
from moonloop.domain.facts import PlanFact, ReviewFact
from moonloop.domain.plans import Purpose, Run
from moonloop.domain.reviews import DecisionVerdict, NewDecision
from moonloop.domain.values import Reply

__all__ = ["add_to", "say_plan", "send_decision"]

ReviewArgument = Annotated[str, typer.Argument(help="Id of the review, rev_…", metavar="REVIEW")]
HashOption = Annotated[
    str, typer.Option("--sha256", help="The plan hash you were shown; the decision counts for it alone.")
]
CommentOption = Annotated[str, typer.Option("--comment", "-m", help="Goes to the proposer, and is kept.")]
IdOption = Annotated[str, typer.Option("--id", help="Id of the decision: sent again, it is one decision.")]

app = typer.Typer(help="See which plans wait for a decision, and decide.", no_args_is_help=True)


class ReviewWithPlan(Reply):
    """A review and what it is of."""

    review: ReviewFact
    plan: PlanFact


def add_to(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="review")


@app.command(name="list")
def list_reviews(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    campaign: Annotated[str | None, typer.Option(help="Only those of a campaign.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the plans that wait, the longest first."""
    state = None if everything else "open"
    with connect() as server:
        found = server.get("/v1/reviews", list[ReviewFact], state=state, campaign=campaign)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.id, one.campaign_name, one.cycle, one.state, ago(one.opened_at), _decided(one)) for one in found
    ]
    empty = "Nothing waits for a decision."
    print_table(("REVIEW", "CAMPAIGN", "CYCLE", "STATE", "OPENED", "DECIDED"), rows, empty)


def _decided(one: ReviewFact) -> str:
    return "; ".join(f"{said.verdict} by {said.by}" for said in one.decisions)


@app.command()
def show(review: ReviewArgument, as_json: JsonFlag = False) -> None:
    """Show what a plan would do, run by run, and its hash."""
    with connect() as server:
        found = server.get(f"/v1/reviews/{review}", ReviewWithPlan)
    if as_json:
        print_json(found)
        return
    say_plan(found.review, found.plan)


def say_plan(review: ReviewFact, fact: PlanFact) -> None:
    """Print a plan as a reviewer needs it."""
    plan = fact.plan
    say(f"{review.campaign_name}, cycle {plan.cycle}: {plan.summary}")
    say(f"Proposed by {plan.author}; robots: {', '.join(plan.robot_kinds)}; hazard report: {review.hazard}.")
    _print_runs(plan.runs)
    say(f"sha256 {fact.sha256}")
    for said in review.decisions:
        say(f"{said.verdict} by {said.by} ({said.by_kind}) {ago(said.at)} {said.comment}")
    say(f"State: {review.state}; open until {review.expires_at:%Y-%m-%d %H:%M UTC}.")


def _print_runs(runs: Sequence[Run]) -> None:
    expects = any(run.expected is not None for run in runs)
    columns = ("RUN", "PURPOSE", "CANDIDATE", *(("EXPECTED",) if expects else ()), "WHY")
    rows = [
        (
            run.index + 1,
            run.purpose,
            run.label or run.candidate.key,
            *((_expected(run),) if expects else ()),
            run.reason,
        )
        for run in sorted(runs, key=lambda run: (run.purpose is Purpose.REFERENCE, run.index))
    ]
    print_table(columns, rows, "The plan is empty.")


def _expected(run: Run) -> str:
    return "" if run.expected is None else f"{run.expected.mean:.3f} ± {run.expected.sd:.3f}"


def send_decision(
    server: Connection, review: str, verdict: DecisionVerdict, sha256: str, comment: str, decision: str = ""
) -> ReviewFact:
    """Send a decision on the plan of this hash."""
    id_ = decision or f"dec_{secrets.token_hex(12)}"
    with as_given():
        new = NewDecision(id=id_, verdict=verdict, plan_sha256=sha256, comment=comment)
    return server.post(f"/v1/reviews/{review}/decisions", new, ReviewFact)


def _decide(
    review: str, verdict: DecisionVerdict, sha256: str, comment: str, decision: str, as_json: bool
) -> None:
    with connect() as server:
        if not sha256:
            if as_json:
                why = "a program must say which plan it means: give the hash that `review show` told"
                raise InvalidInput(where="--sha256", why=why)
            found = server.get(f"/v1/reviews/{review}", ReviewWithPlan)
            say_plan(found.review, found.plan)
            _ask(f"{verdict.value.capitalize()} this plan?")
            sha256 = found.plan.sha256
        decided = send_decision(server, review, verdict, sha256, comment, decision)
    if as_json:
        print_json(decided)
    else:
        say(f"{decided.id} is {decided.state}.")


def _ask(question: str) -> None:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:  # nobody is there, or whoever is has had enough
        agreed = False
    if not agreed:
        say("Nothing was decided.")
        raise typer.Exit(130)


@app.command()
def approve(
    review: ReviewArgument,
    sha256: HashOption = "",
    comment: CommentOption = "",
    decision: IdOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Approve exactly the plan shown; without --sha256 it is shown first, and asked about."""
    _decide(review, DecisionVerdict.APPROVE, sha256, comment, decision, as_json)


@app.command()
def reject(
    review: ReviewArgument,
    sha256: HashOption = "",
    comment: CommentOption = "",
    decision: IdOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Reject a plan, with a reason; the campaign pauses until somebody resumes it."""
    if not comment:
        raise InvalidInput(where="--comment", why="a rejection needs a reason")
    _decide(review, DecisionVerdict.REJECT, sha256, comment, decision, as_json)


@app.command()
def revoke(
    review: ReviewArgument,
    sha256: HashOption = "",
    comment: CommentOption = "",
    decision: IdOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Take an approval back: nothing more starts under it, what runs finishes."""
    _decide(review, DecisionVerdict.REVOKE, sha256, comment, decision, as_json)
