"""The command line and the environment that vLLM is started with."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.agents.serving.adapters import RANKS, Adapter
from moonloop.agents.serving.families import PARSERS, Family
from moonloop.agents.serving.launch import (
    Launch,
    additions,
    arguments,
    environment,
    loopback,
    served_name,
    warnings,
)
from moonloop.domain.errors import InvalidInput

CRITIC = Adapter("critic", "/models/critic", 8)
REPORTER = Adapter("reporter", "/models/reporter", 40)
KEY = "a-key-for-tests"


def launch(**given: Any) -> Launch:
    """Return what is to be served: a small thing unless said otherwise."""
    said: dict[str, Any] = {"model": "org/thing", "family": Family.HERMES, "name": "thing", **given}
    return Launch(**said)


def flag(words: tuple[str, ...], name: str) -> str:
    """Return the value of a flag."""
    return words[words.index(name) + 1]


def test_it_serves_the_model_by_its_name_at_its_address() -> None:
    """Model, name, host, port and seed are those that were said."""
    words = arguments(launch(name="base", host="127.0.0.2", port=9000, seed=5, context=4096))
    assert ("serve", "org/thing") == words[:2]
    given = [
        flag(words, name) for name in ("--served-model-name", "--host", "--port", "--seed", "--max-model-len")
    ]
    assert ["base", "127.0.0.2", "9000", "5", "4096"] == given


def test_answers_are_bound_by_the_backend_that_knows_our_schemas() -> None:
    """Structured output is guidance's, without white space that a model may lose itself in."""
    config = json.loads(flag(arguments(launch()), "--structured-outputs-config"))
    assert {"backend": "guidance", "disable_any_whitespace": True} == config
    assert "false" == additions(launch(), {})["VLLM_ENFORCE_STRICT_TOOL_CALLING"]


@pytest.mark.parametrize("family", Family)
def test_each_family_has_its_parser(family: Family) -> None:
    """Requests for tools are read in the way the family writes them."""
    words = arguments(launch(family=family))
    assert PARSERS[family] == flag(words, "--tool-call-parser")
    assert "--enable-auto-tool-choice" in words


def test_prefixes_are_cached_and_what_was_cached_is_told() -> None:
    """Both flags are there, or the thread would be computed anew at each turn, or nobody would know."""
    assert {"--enable-prefix-caching", "--enable-prompt-tokens-details"} <= set(arguments(launch()))


def test_prompts_stay_out_of_logs_and_nothing_is_reported_to_anybody() -> None:
    """No request is logged, and no usage statistics are sent."""
    assert "--no-enable-log-requests" in arguments(launch())
    assert "1" == additions(launch(), {})["VLLM_NO_USAGE_STATS"]


def test_there_is_one_slot_more_than_adapters() -> None:
    """With as many slots as adapters the base model was answered with an adapter's weights."""
    words = arguments(launch(adapters=(CRITIC, REPORTER)))
    assert ("3", "64") == (flag(words, "--max-loras"), flag(words, "--max-lora-rank"))
    place = words.index("--lora-modules")
    assert ("critic=/models/critic", "reporter=/models/reporter") == words[place + 1 : place + 3]


@given(
    ranks=st.lists(st.integers(1, RANKS[-1]), max_size=5),
    at_most=st.integers(0, 8),
)
def test_slots_and_rank_have_room_for_every_adapter(ranks: list[int], at_most: int) -> None:
    """Whatever adapters are given or may come, they fit beside the base, at a rank that vLLM knows."""
    adapters = tuple(Adapter(f"a{number}", f"/a{number}", rank) for number, rank in enumerate(ranks))
    made = launch(adapters=adapters, adapters_at_most=at_most)
    words = arguments(made)
    assert ("--enable-lora" in words) == bool(ranks or at_most)
    if ranks or at_most:
        assert int(flag(words, "--max-loras")) == max(len(ranks), at_most) + 1
        assert int(flag(words, "--max-lora-rank")) in RANKS
        assert int(flag(words, "--max-lora-rank")) >= max(ranks, default=1)


def test_loading_over_http_is_off_unless_there_is_room_to_load() -> None:
    """Whoever does not say that adapters come later has a server that loads none."""
    name = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
    fixed, open_ = launch(adapters=(CRITIC,)), launch(adapters=(CRITIC,), adapters_at_most=2)
    assert ("false", "true") == (additions(fixed, {})[name], additions(open_, {})[name])


def test_a_model_without_adapters_has_no_part_in_them() -> None:
    """Nothing of LoRA is switched on for a plain model."""
    assert not [word for word in arguments(launch()) if "lora" in word]


def test_on_a_processor_prompts_are_not_cut_into_chunks() -> None:
    """There a chunk of a prompt with a seed ends the engine; the memory for prompts is the user's to say."""
    words = arguments(launch(cpu=True))
    assert {"--no-enable-chunked-prefill", "--enforce-eager"} <= set(words)
    assert "float32" == flag(words, "--dtype")
    assert "1" == additions(launch(cpu=True), {})["VLLM_CPU_KVCACHE_SPACE"]
    assert "40" == additions(launch(cpu=True), {"VLLM_CPU_KVCACHE_SPACE": "40"})["VLLM_CPU_KVCACHE_SPACE"]


def test_a_model_in_a_folder_needs_no_network(tmp_path: Path) -> None:
    """A local model is served without asking the hub; one of the hub is not cut off from it."""
    assert "1" == additions(launch(model=str(tmp_path)), {})["HF_HUB_OFFLINE"]
    assert "HF_HUB_OFFLINE" not in additions(launch(), {})


def test_flags_of_the_users_come_last_as_they_are() -> None:
    """VLLM takes the last of two, so that the user's word counts."""
    extra = ("--dtype", "bfloat16", "--gpu-memory-utilization", "0.8")
    assert extra == arguments(launch(cpu=True, extra=extra))[-4:]


@pytest.mark.parametrize(
    "word",
    [
        "--host", "--host=0.0.0.0", "--hos", "--port", "--uds=/x", "--api-key", "--api_key=x", "--api",
        "--config", "--served_model_name",
    ],
)  # fmt: skip
def test_what_our_options_decide_cannot_be_smuggled_past_them(word: str) -> None:
    """Address, key and name are not taken among vLLM's own flags, however they are written."""
    with pytest.raises(InvalidInput, match="decided by the options"):
        launch(extra=("--dtype", "auto", word, "x"))


def test_what_is_no_flag_is_not_passed_on() -> None:
    """A word too many is an error, not a second model."""
    with pytest.raises(InvalidInput, match='"second" is not a flag'):
        launch(extra=("second",))


@pytest.mark.parametrize("name", ["thing", "critic"])
def test_two_models_cannot_have_one_name(name: str) -> None:
    """An adapter that is named as the base or as another is refused, or roles would get the wrong one."""
    with pytest.raises(InvalidInput, match=f"{name} would name two models"):
        launch(adapters=(CRITIC, Adapter(name, "/x")))


def test_a_name_that_no_file_of_models_could_say_is_refused() -> None:
    """Names are plain words."""
    with pytest.raises(InvalidInput, match="cannot be the name of a model"):
        launch(name="two words")


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True), ("[::1]", True),
        ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("", False), ("localhost.example.org", False),
    ],
)  # fmt: skip
def test_an_address_that_others_reach_needs_a_key(host: str, *, alone: bool) -> None:
    """Off the loopback nothing is served without a key; on it a key is not asked for."""
    made = launch(host=host)
    assert alone == loopback(host)
    if alone:
        assert () == warnings(made, key=False)
    else:
        with pytest.raises(InvalidInput, match="there is no key"):
            warnings(made, key=False)


def test_with_a_key_it_is_told_what_the_key_does_not_cover() -> None:
    """VLLM asks for its key under /v1 only; where adapters may be loaded, that is open too."""
    (plain,) = warnings(launch(host="0.0.0.0"), key=True)
    assert "/metrics" in plain
    both = warnings(launch(host="0.0.0.0", adapters_at_most=1), key=True)
    assert plain == both[0]
    assert "/adapters" in both[1]


def test_the_key_is_in_the_environment_and_never_on_the_command_line() -> None:
    """Everybody on a machine can read command lines."""
    made = launch(host="0.0.0.0")
    assert KEY == environment(made, {}, KEY)["VLLM_API_KEY"]
    assert KEY not in " ".join(arguments(made))


def test_vllm_is_handed_no_secrets_of_moonloops() -> None:
    """What is set for Moonloop is not for a server of models; the rest of the environment stays."""
    given_ = {"MOONLOOP_TOKEN": "secret", "MOONLOOP_URL": "http://x", "PATH": "/bin", "HOME": "/home/x"}
    made = environment(launch(), given_)
    assert {"PATH": "/bin", "HOME": "/home/x"}.items() <= made.items()
    assert not [name for name in made if name.startswith("MOONLOOP_")]


def test_a_folder_is_served_by_its_own_name(tmp_path: Path) -> None:
    """Without a name, a folder's last part or the hub's name is what roles say."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    assert ("tiny", "org/thing") == (served_name(str(folder)), served_name("org/thing"))
