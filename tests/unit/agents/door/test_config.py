"""The file of models: what it may say, and what is said of one that is wrong."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from moonloop.agents.door.config import Endpoint, Price, from_single
from moonloop.agents.door.file import load_models
from moonloop.domain.agents import Role, Usage
from moonloop.domain.errors import InvalidInput

_GOOD = """\
moonloop_models: 1
endpoints:
  gpu:
    base_url: http://10.0.0.5:8000/v1/
    model: Qwen/Qwen3-8B
    key_env: VLLM_KEY
    timeout: 5 min
    price: {input: 0.5, cached: 0.1, output: 2}
  spare: {base_url: "https://models.example/v1", model: big}
roles:
  default: [gpu, spare]
  critic: [{endpoint: gpu, model: critic-lora}, spare]
"""


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        load_models(_written(tmp_path, text))
    return str(refused.value).replace(str(tmp_path), "…")


def test_a_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    """Durations, prices and addresses come out as values, and what is not said has its default."""
    models = load_models(_written(tmp_path, _GOOD))
    gpu = models.endpoints["gpu"]
    assert gpu.base_url == "http://10.0.0.5:8000/v1"
    assert (gpu.host, gpu.port) == ("10.0.0.5", 8000)
    assert models.endpoints["spare"].port == 443
    assert (gpu.timeout, gpu.at_once, gpu.session_header) == (300.0, 8, "X-Session-ID")


def test_a_role_has_its_endpoints_in_order_with_its_adapter(tmp_path: Path) -> None:
    """The adapter of a role is asked for where the role names it; other roles have the default."""
    models = load_models(_written(tmp_path, _GOOD))
    assert [(name, model) for name, _, model in models.serving(Role.CRITIC)] == [
        ("gpu", "critic-lora"),
        ("spare", "big"),
    ]
    assert [name for name, _, _ in models.serving(Role.ANALYST)] == ["gpu", "spare"]
    assert models.models() == {"gpu": ("Qwen/Qwen3-8B", "critic-lora"), "spare": ("big",)}


@pytest.mark.parametrize("name", ["key", "api_key", "token", "password"])
def test_a_key_in_the_file_is_refused_without_being_shown(tmp_path: Path, name: str) -> None:
    """Who writes a key into the file is told where it belongs, and the message does not repeat it."""
    told = _refusal(tmp_path, _GOOD.replace("key_env: VLLM_KEY", f"{name}: sk-very-secret"))
    assert f"…/models.yaml:6: endpoints.gpu.{name}: a key does not belong in this file" in told
    assert "sk-very-secret" not in told


def test_no_error_carries_the_file_s_text_along(tmp_path: Path) -> None:
    """Neither the error nor what it was raised from holds what was written in the file."""
    text = _GOOD.replace("key_env: VLLM_KEY", "key: sk-very-secret")
    with pytest.raises(InvalidInput) as refused:
        load_models(_written(tmp_path, text))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "[gpu, spare]",
            "[gpu, spar]",
            "11: roles.default[1]: there is no endpoint spar; known are gpu, spare",
        ),
        ("default:", "analyst:", "10: roles: no endpoint serves proposer, advisor, reporter: name them"),
        ("5 min", "soon", "7: endpoints.gpu.timeout: a duration is a number of seconds or a text"),
        (
            "http://10.0.0.5:8000/v1/",
            "10.0.0.5:8000",
            "4: endpoints.gpu.base_url: an address such as http://127.",
        ),
        ("http://10.0.0.5:8000/v1/", "http://u:p@h/v1", "4: endpoints.gpu.base_url: an address without user"),
        ("http://10.0.0.5:8000/v1/", "http://h:99999/v1", "4: endpoints.gpu.base_url: an address such as"),
        ("key_env: VLLM_KEY", "key_env: A\n    key_file: b", "7: endpoints.gpu.key_file: give `key_env` or"),
        ("key_env: VLLM_KEY", "at_onec: 3", "6: endpoints.gpu.at_onec: Extra inputs are not permitted"),
        ("    model: Qwen/Qwen3-8B\n", "", "3: endpoints.gpu.model: Field required"),
        (
            "input: 0.5",
            "input: -1",
            "8: endpoints.gpu.price.input: Input should be greater than or equal to 0",
        ),
        ("  default: [gpu, spare]", "  default: []", "11: roles.default: "),
        ("moonloop_models: 1", "moonloop_models: 2", "1: moonloop_models: Input should be 1"),
        ("model: Q", "key_env: sk-1\n    model: Q", "7: a field is given twice"),
        ("roles:\n", "roles: [\n", "12: expected ',' or ']'"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Each mistake is named where it stands."""
    assert f"…/models.yaml:{told}" in _refusal(tmp_path, _GOOD.replace(old, new))


def test_what_is_no_models_file_is_refused(tmp_path: Path) -> None:
    """A missing, huge, binary or endlessly unfolding file ends in a sentence."""
    with pytest.raises(InvalidInput, match="there is no such file"):
        load_models(tmp_path / "none.yaml")
    assert "larger than" in _refusal(tmp_path, "#" * 300_000)
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcde", "bcdef", strict=True)
    )
    assert "it holds more than a file of models can" in _refusal(tmp_path, bomb)
    (tmp_path / "models.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="no YAML file in UTF-8"):
        load_models(tmp_path / "models.yaml")


def test_one_endpoint_can_serve_everything() -> None:
    """A single address and model make a whole file."""
    models = from_single("http://127.0.0.1:1/v1", "scripted-x", at_once=2)
    assert all(models.serving(role)[0][0] == "only" for role in Role)
    assert models.endpoints["only"].at_once == 2


@pytest.mark.parametrize("name", ["", "Ärger", "a b", "../x\n"])
def test_names_that_could_mislead_are_refused(name: str) -> None:
    """Names of models go into ledgers and headers: they are plain words."""
    with pytest.raises(ValidationError):
        from_single("http://127.0.0.1:1/v1", name)


def test_a_price_counts_cached_tokens_apart() -> None:
    """Money per million tokens, the cached ones at their own rate, or at the full one when none is given."""
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=400_000, completion_tokens=500_000)
    assert Price(input=1, cached=0.1, output=4).of(usage) == pytest.approx(0.6 + 0.04 + 2)
    assert Price(input=1, output=4).of(usage) == pytest.approx(3)


def test_no_call_costs_more_than_the_most() -> None:
    """What may be cached is not counted on."""
    price = Price(input=1, cached=3, output=4)
    usage = Usage(prompt_tokens=100, cached_tokens=100, completion_tokens=10)
    assert price.of(usage) <= price.at_most(100, 10)


def test_settings_do_not_change() -> None:
    """A value that was read stays as it is."""
    endpoint = Endpoint(base_url="http://h/v1", model="m")
    setting: Any = endpoint
    with pytest.raises(ValidationError):
        setting.model = "other"


def test_the_file_is_read_without_the_client() -> None:
    """Who only wants to know which models a site has does not load what calls them."""
    light = "from moonloop.agents.door import file, keys, circuits, wire, answers; import sys; "
    program = light + "print(*sorted({'openai', 'httpx2', 'httpx', 'opentelemetry'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""
