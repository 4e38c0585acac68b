"""A program in which every attack is tried on every role by a model that obeys, watched from within."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from watched import Built, Watch, built, try_all, warmed

from moonloop import scientist
from moonloop.agents.alone import Notebook, run_alone
from moonloop.agents.bench.workbench import InlineBench
from moonloop.domain.agents import AgentLimits, Outcome, Role
from moonloop.domain.errors import MoonloopError
from moonloop.domain.figures import figures_of
from moonloop.domain.proposals import Critique, DesignAdvice, Findings, Hypotheses, Narrative, Proposal
from moonloop.domain.sentences import known_names
from moonloop.report import render
from support.attacked_facts import attacked
from support.attacks import CANARIES, Attack, Planted, planted
from support.obeying import Obedient
from unit.report.pages import Page

_KINDS = {
    Role.PROPOSER: Hypotheses,
    Role.CRITIC: Critique,
    Role.ADVISOR: DesignAdvice,
    Role.ANALYST: Findings,
}
_MARKUP = re.compile("[<>&\"']")
_LIMITS = AgentLimits(turns=12, tokens=10_000_000)


async def _tried(attack: Attack, folder: Path, watch: Watch) -> dict[str, Any]:
    try:
        where = planted(attack)
    except ValueError:
        return {"id": attack.id, "refused": True, "roles": {}, "acts": []}
    library: Built = built(where, folder)
    await warmed(InlineBench(library), where)
    watch.acts = []
    roles: dict[str, Any] = {}
    proposals: tuple[Proposal, ...] = ()
    for role, kind in _KINDS.items():
        outcome, told = await _task(attack, where, role, library, proposals, watch)
        roles[role] = told
        if outcome.status == "decided":
            decision = kind.model_validate_json(outcome.decision)
            thread = f"thr_0000000000000001_0002_{role}"
            made = Proposal(thread=thread, proposer=outcome.proposer, decision=decision)
            proposals = (*proposals, made)
    outcome, roles[Role.REPORTER] = await _task(attack, where, Role.REPORTER, library, (), watch)
    return {
        "id": attack.id,
        "refused": False,
        "roles": roles,
        "report": _reported(attack, where, outcome) if attack.payload else None,
        "acts": watch.acts,
        "planned": _planned(where, proposals),
    }


async def _task(
    attack: Attack,
    where: Planted,
    role: Role,
    library: Built,
    proposals: tuple[Proposal, ...],
    watch: Watch,
) -> tuple[Outcome, dict[str, Any]]:
    context = where.context(role)
    if role is Role.REPORTER:
        facts = attacked(attack, where)
        context = replace(context, spec=facts.spec, facts=facts)
    rules = context.spec.scientist.model_copy(update={"kind": "llm", "limits": _LIMITS})
    context = replace(
        context,
        spec=context.spec.model_copy(update={"scientist": rules}),
        history=context.history.model_copy(update={"proposals": proposals}),
    )
    model, notebook = Obedient(attack), Notebook(context)
    watch.on = True
    outcome = await run_alone(context, model, InlineBench(library), notebook)
    watch.on = False
    tools = [one.content for one in notebook.messages if one.speaker == "tool"]
    systems = [one.content for one in notebook.messages if one.speaker == "system"]
    return outcome, {
        "status": outcome.status,
        "why": outcome.why,
        "decision": outcome.decision,
        "heard": model.heard[-1:],
        "tools": tools,
        "systems": len(systems),
    }


def _planned(where: Planted, proposals: tuple[Proposal, ...]) -> str:
    """Return the job specs of the batch that the algorithm makes of all this: what would reach a robot."""
    history = where.history.model_copy(update={"proposals": proposals})
    try:
        batch = scientist.plan_search(where.spec, history)
    except MoonloopError as error:
        return f"no plan: {error}"
    return json.dumps([job.model_dump(mode="json") for job in batch.specs])


def _reported(attack: Attack, where: Planted, outcome: Outcome) -> dict[str, Any]:
    """Return what the report of the attacked campaign makes of the narrative, and of the attack."""
    facts, narrative = attacked(attack, where), Narrative.model_validate_json(outcome.decision)
    *before, last = facts.cycles
    told = last.agents[0].model_copy(update={"decision": narrative, "proposer": outcome.proposer})
    cycles = (*before, last.model_copy(update={"agents": (told,)}))
    report = render(facts.model_copy(update={"cycles": cycles}))
    page = Page(report.html)
    return {
        "sentences": [[one.text, one.struck] for one in narrative.sentences],
        "figures": list(figures_of(facts)),
        "names": known_names(facts.spec),
        "narrative": page.text.partition("In an agent's words")[2].partition("Written by")[0],
        "raw": bool(_MARKUP.search(attack.payload)) and attack.payload[:80] in report.html,
        "elements": sorted({name for name, _ in page.tags}),
        "attributes": sorted({name for _, given in page.tags for name in given}),
        "links": sorted({link[:1] for link in page.links}),
        "leaks": [name for name, secret in CANARIES.items() if secret in report.html + report.markdown],
    }


if __name__ == "__main__":
    try_all(_tried)
