"""A program in which every attack is tried on every role by a model that obeys, watched from within."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from watched import Built, Watch, built, prove, warmed

from moonloop import scientist
from moonloop.agents.alone import Notebook, run_alone
from moonloop.agents.bench.workbench import InlineBench
from moonloop.domain.agents import AgentLimits, Outcome, Role
from moonloop.domain.errors import MoonloopError
from moonloop.domain.proposals import Critique, DesignAdvice, Findings, Hypotheses, Proposal
from support.attacks import Attack, Planted, load, planted
from support.obeying import Obedient

_KINDS = {
    Role.PROPOSER: Hypotheses,
    Role.CRITIC: Critique,
    Role.ADVISOR: DesignAdvice,
    Role.ANALYST: Findings,
}
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
    return {
        "id": attack.id,
        "refused": False,
        "roles": roles,
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


def main() -> None:
    """Try every attack that ends by itself."""
    watch = Watch()
    folder = Path(sys.argv[1])
    prove(watch, folder / "proof")
    for attack in load():
        if not attack.needs_bounds:
            sys.stdout.write(json.dumps(asyncio.run(_tried(attack, folder, watch))) + "\n")


if __name__ == "__main__":
    main()
