"""Make a tiny random model with two adapters: `python tiny_model.py FOLDER`, with vLLM's own interpreter.

Two layers of width 64 over a vocabulary of 1,024 byte pairs that are learnt here, a chat template that knows
tools in the manner of Hermes, and low-rank adapters in the form that PEFT writes. Nothing is downloaded. What
such a model answers is noise, which is what a client must survive; the server around it is the real one.
"""
# pyright: basic, reportMissingImports=false
# Its libraries are in the environment of vLLM, not in this one.

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as Bytes
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WIDTH, INNER, LAYERS, HEADS, VOCABULARY, CONTEXT = 64, 128, 2, 2, 1024, 32_768
RANK, ADAPTERS = 8, ("critic-adapter", "reporter-adapter")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

TEMPLATE = """\
{%- if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}

{% endif %}You may call these functions; answer with the call in <tool_call></tool_call>:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if not (tools and loop.first and message.role == 'system') %}<|im_start|>{{ message.role }}
{%- if message.content %}
{{ message.content }}{% endif %}
{%- for call in message.tool_calls or [] %}
<tool_call>
{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endif %}{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def main(folder: Path) -> None:
    """Write the model and its adapters, and last a file that says that all is there."""
    torch.manual_seed(20_240_229)
    model_folder = folder / "model"
    _tokenizer().save_pretrained(model_folder)
    _model().save_pretrained(model_folder)
    for name in ADAPTERS:
        _adapter(folder / name)
    (folder / "ready").touch()


def _tokenizer() -> PreTrainedTokenizerFast:
    pairs = Tokenizer(BPE())
    pairs.pre_tokenizer = ByteLevel(add_prefix_space=False)
    pairs.decoder = Bytes()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY - 2, special_tokens=list(SPECIAL), initial_alphabet=ByteLevel.alphabet()
    )
    pairs.train_from_iterator(
        [Path(module).read_text() for module in (argparse.__file__, json.__file__)], trainer
    )
    pairs.add_tokens(["<tool_call>", "</tool_call>"])
    assert pairs.get_vocab_size() == VOCABULARY
    made = PreTrainedTokenizerFast(
        tokenizer_object=pairs, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=CONTEXT
    )
    made.chat_template = TEMPLATE
    return made


def _model() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=False,
        initializer_range=0.1,
    )
    return LlamaForCausalLM(config).to(torch.float32)


def _adapter(folder: Path) -> None:
    folder.mkdir(parents=True)
    shapes = {"q_proj": (WIDTH, WIDTH), "v_proj": (WIDTH, WIDTH), "o_proj": (WIDTH, WIDTH)}
    weights = {
        f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_{side}.weight": torch.randn(shape)
        for layer in range(LAYERS)
        for module, (outer, inner) in shapes.items()
        for side, shape in (("A", (RANK, inner)), ("B", (outer, RANK)))
    }
    save_file(weights, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(shapes),
        "base_model_name_or_path": "tiny",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
