"""The probe says what an endpoint can do, a sentence for each thing."""

from typing import Any

import pytest

from moonloop.agents.door.config import ModelsFile
from moonloop.agents.door.probe import PROBE, Probed, probe, probe_all
from moonloop.agents.scripted.answers import ScriptedAnswer
from moonloop.agents.scripted.faults import Fault
from moonloop.agents.scripted.server import PROBE as SERVED_PROBE
from support.playing import doubles
from support.scripted import MODEL, running_scripted, site_of


def _standings(found: Probed) -> dict[str, str]:
    return {one.subject: one.standing for one in found.findings}


async def _probed(*faults: Fault, model: str = "", **settings: Any) -> Probed:
    async with running_scripted(faults=faults) as server:
        return await probe("gpu", site_of(server, **settings).endpoints["first"], model)


def test_both_sides_know_the_probe_by_one_name() -> None:
    """The scripted server answers the schema that the probe asks for."""
    assert PROBE == SERVED_PROBE


async def test_a_good_endpoint_is_good_in_everything() -> None:
    """Reached, served, answering, in form, with tools, counted, and with its prompts at hand."""
    found = await _probed()
    assert set(_standings(found).values()) == {"good"}
    assert set(_standings(found)) == {
        *("key", "reachable", "model", "context", "answers", "usage", "json_schema", "tools", "cached"),
    }
    assert found.works
    assert found.scripted
    assert found.latency_s is not None
    assert [one.name for one in found.served] == [MODEL]


async def test_the_script_that_plays_the_roles_is_good_too() -> None:
    """Whoever tries agents without a model finds its endpoint in order, and that a script answers there."""
    async with running_scripted(doubles()) as server:
        found = await probe("local", site_of(server).endpoints["first"])
    assert [] == [one.sentence for one in found.findings if one.standing != "good"]
    assert found.scripted


async def test_nobody_there_is_bad() -> None:
    """An address without a server is told with the address."""
    async with running_scripted() as server:
        endpoint = site_of(server).endpoints["first"]
    found = await probe("gpu", endpoint)
    assert not found.works
    assert found.findings[-1].sentence == "gpu cannot be reached"


async def test_a_model_that_is_not_served_is_bad() -> None:
    """The sentence names those that are."""
    found = await _probed(model="scripted-absent")
    assert not found.works
    assert found.findings[-1].sentence == f"it does not serve scripted-absent; it serves {MODEL}"


async def test_a_missing_key_is_bad() -> None:
    """It is said before anything is sent."""
    found = await _probed(key_env="MOONLOOP_TEST_KEY_THAT_IS_NOT_SET")
    assert _standings(found) == {"key": "bad"}


async def test_a_context_that_is_set_too_large_is_bad() -> None:
    """What the file of models promises the endpoint must hold."""
    found = await _probed(context=100_000)
    assert not found.works
    assert "it holds 32768 tokens, and the file of models says 100000" in [
        one.sentence for one in found.findings
    ]


@pytest.mark.parametrize(
    ("place", "subject"), [(1, "json_schema"), (2, "tools"), (3, "cached")], ids=["schema", "tools", "cached"]
)
async def test_what_an_endpoint_lacks_is_noted(place: int, subject: str) -> None:
    """Agents can do without a schema, tools and cached prompts: it still works."""
    lacking = ScriptedAnswer("hello", usage={"prompt_tokens": 90, "completion_tokens": 1})
    plain = Fault("delay")
    found = await _probed(*[plain] * place, Fault("answer", answer=lacking))
    assert _standings(found)[subject] == "note"
    assert found.works


async def test_an_endpoint_that_refuses_a_schema_is_noted() -> None:
    """The server's own words are in the sentence."""
    found = await _probed(Fault("delay"), Fault("status", 400, message="no response_format here"))
    (finding,) = (one for one in found.findings if one.subject == "json_schema")
    assert (finding.standing, "no response_format here" in finding.sentence) == ("note", True)


async def test_an_endpoint_that_does_not_count_is_noted() -> None:
    """Its tokens will be estimated."""
    found = await _probed(Fault("answer", answer=ScriptedAnswer("hello", usage={})))
    assert _standings(found)["usage"] == "note"


async def test_every_model_that_a_role_wants_is_probed() -> None:
    """Adapters count as models of their endpoint."""
    async with running_scripted(models=(MODEL, "scripted-critic")) as server:
        models = ModelsFile.model_validate(
            {
                "moonloop_models": 1,
                "endpoints": {"only": {"base_url": server.url, "model": MODEL}},
                "roles": {"default": ["only"], "critic": [{"endpoint": "only", "model": "scripted-critic"}]},
            }
        )
        found = await probe_all(models)
    assert [(one.model, one.works) for one in found] == [(MODEL, True), ("scripted-critic", True)]
    assert found[0].served[1].parent == MODEL
