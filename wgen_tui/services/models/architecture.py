"""The size of a base model, from its files alone: weights, linear modules, attention.

Promises: reads the heads of safetensors files, never the weights; no torch; what is not on this
machine is derived from config.json, and without that from the model's name; what cannot be told is
None, never an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.model_files import model_folder

MAX_HEADER = 100 << 20  # bytes: the format's own limit
# Two-dimensional weights that are no linear modules of a block, by a part of their names.
NOT_LINEAR = re.compile(r"embed|lm_head|\bwte\b|\bwpe\b|norm|router|rotary", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelDims:
    """What memory depends on.

    Attributes:
        parameters: All of them.
        linear: Those of them in linear modules of the blocks, which quantisation shrinks.
        hidden: Width between blocks.
        queries: Width of all heads' queries; `keys`: of the keys, and of the values.
        inner: Width of the MLP, of all experts that a token passes through.
        query_norms: Whether queries and keys are normed (Qwen3).
        capped: Whether attention logits are capped (Gemma 2), for which transformers has no sdpa.
        norms: In a block, of width `hidden`.
        modules: Linear modules of all blocks by name: (in, out).
        source: What tells it: "headers", "config" or "name".
        stored: Bytes of the files; 0 where they are not here.
    """

    parameters: int
    linear: int
    layers: int
    hidden: int
    queries: int
    keys: int
    inner: int
    vocabulary: int
    heads: int
    query_norms: bool
    capped: bool
    norms: int
    modules: Mapping[str, tuple[int, int]]
    source: str
    stored: int = 0


def model_dims(model: ModelRef) -> ModelDims | None:
    """The size of a model; None where nothing tells it (a served one included)."""
    if model.endpoint is not None:
        return None
    try:
        folder = model_folder(model)
        if folder is not None:
            files = sorted(folder.glob("*.safetensors"))
            stamps = tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files)
            config = folder / "config.json"
            if config.is_file():
                return _read_folder(str(config), config.stat().st_mtime_ns, stamps)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # not as save_pretrained writes it; the worker will say what is wrong
    return _dims_from_name(model.name)


@lru_cache(maxsize=64)
def _read_folder(
    config: str, _stamp: int, files: tuple[tuple[str, int, int], ...]
) -> ModelDims | None:
    config_json = json.loads(Path(config).read_bytes())
    text = config_json.get("text_config", config_json)
    tensors: dict[str, list[int]] = {}
    for name, _, _ in files:
        tensors |= tensor_shapes(Path(name))
    return dims_from_config(text, tensors, sum(size for _, _, size in files))


def tensor_shapes(path: Path) -> dict[str, list[int]]:
    """The shape of each tensor in a file.

    Raises:
        ValueError: it is no safetensors file.
    """
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > MAX_HEADER:
            raise ValueError(f"{path} has no head")
        header = json.loads(stream.read(size))
    if not isinstance(header, dict):
        raise ValueError(f"{path} has no head")
    return {name: item["shape"] for name, item in header.items() if name != "__metadata__"}


def dims_from_config(
    config: Mapping[str, Any], tensors: Mapping[str, list[int]], stored: int
) -> ModelDims:
    hidden = int(config.get("hidden_size") or config.get("n_embd") or 0)
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    heads = int(config.get("num_attention_heads") or config.get("n_head") or 1)
    size = int(config.get("head_dim") or hidden // heads)
    keys = int(config.get("num_key_value_heads") or heads) * size
    vocabulary = int(config.get("vocab_size") or 0)
    inner = _active_mlp_width(config, hidden)
    inside = 0
    if tensors:
        modules = {
            name.removesuffix(".weight"): (dims[1], dims[0])
            for name, dims in tensors.items()
            if len(dims) == 2 and name.endswith(".weight") and not NOT_LINEAR.search(name)
        }
        parameters = sum(math.prod(dims) for dims in tensors.values())
        norms = sum(d == [hidden] and "norm" in name for name, d in tensors.items()) // max(
            1, layers
        )
        query_norms = any("q_norm" in name for name in tensors)
    else:
        modules = dict(
            _llama_modules(layers, hidden, heads * size, keys, _mlp_width(config, hidden))
        )
        embeddings = (1 if config.get("tie_word_embeddings") else 2) * vocabulary * hidden
        experts = int(config.get("num_experts") or config.get("num_local_experts") or 1)
        inside = sum(
            a * b * (experts if ".mlp." in name else 1) for name, (a, b) in modules.items()
        )
        parameters, norms, query_norms = inside + embeddings, 2, False
    linear = sum(a * b for a, b in modules.values()) if tensors else inside
    return ModelDims(
        parameters=parameters,
        linear=min(linear, parameters),
        layers=layers,
        hidden=hidden,
        queries=heads * size,
        keys=keys,
        inner=inner,
        vocabulary=vocabulary,
        heads=heads,
        query_norms=query_norms,
        capped=config.get("attn_logit_softcapping") is not None,
        norms=max(norms, 2),
        modules=modules,
        source="headers" if tensors else "config",
        stored=stored,
    )


def _mlp_width(config: Mapping[str, Any], hidden: int) -> int:
    """The width of an MLP, or of one expert."""
    for name in ("moe_intermediate_size", "intermediate_size", "n_inner"):
        if config.get(name):
            return int(config[name])
    return 4 * hidden


def _active_mlp_width(config: Mapping[str, Any], hidden: int) -> int:
    """The width that a token passes through in a block's MLP, all its experts together."""
    experts = int(config.get("num_experts_per_tok") or 1)
    return experts * _mlp_width(config, hidden)


def _llama_modules(
    layers: int, hidden: int, queries: int, keys: int, inner: int
) -> Iterator[tuple[str, tuple[int, int]]]:
    """The modules of a decoder as most are built."""
    for layer in range(layers):
        own = f"model.layers.{layer}"
        yield f"{own}.self_attn.q_proj", (hidden, queries)
        yield f"{own}.self_attn.k_proj", (hidden, keys)
        yield f"{own}.self_attn.v_proj", (hidden, keys)
        yield f"{own}.self_attn.o_proj", (queries, hidden)
        yield f"{own}.mlp.gate_proj", (hidden, inner)
        yield f"{own}.mlp.up_proj", (hidden, inner)
        yield f"{own}.mlp.down_proj", (inner, hidden)


def _dims_from_name(name: str) -> ModelDims | None:
    """A model that is not here yet: its name mostly says how large it is (Qwen3-0.6B).

    Width and depth are those of Llama-like models of that size, parameters = 12 · layers · hidden²
    with hidden = 128 · layers up to 32 layers: a rule of thumb, only until its files are here.
    """
    sizes = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)([BbMm])(?![a-zA-Z])", name)
    if not sizes:
        return None
    number, unit = sizes[0]
    parameters = int(float(number) * (1e9 if unit in "Bb" else 1e6))
    layers = min(80, max(2, round((parameters / (12 * 128**2)) ** (1 / 3))))
    hidden = max(64, round((parameters / (12 * layers)) ** 0.5))
    modules = dict(_llama_modules(layers, hidden, hidden, hidden, round(8 / 3 * hidden)))
    return ModelDims(
        parameters=parameters,
        linear=min(parameters, sum(a * b for a, b in modules.values())),
        layers=layers,
        hidden=hidden,
        queries=hidden,
        keys=hidden,
        inner=round(8 / 3 * hidden),
        vocabulary=151_936,  # Qwen's, of the larger ones
        heads=max(1, hidden // 128),
        query_norms=False,
        capped=False,
        norms=2,
        modules=modules,
        source="name",
    )


def target_modules(
    dims: ModelDims, pattern: str | tuple[str, ...], layers: tuple[int, ...] | None
) -> dict[str, tuple[int, int]]:
    """The modules that an adapter changes, as PEFT chooses them.

    Args:
        dims: The model.
        pattern: "all-linear", a pattern for whole names, or names of modules.
        layers: Only in these; None for all.
    """

    def is_one(name: str) -> bool:
        if pattern == "all-linear":
            matches = True
        elif isinstance(pattern, str):
            matches = re.fullmatch(pattern, name) is not None
        else:
            matches = any(name == item or name.endswith(f".{item}") for item in pattern)
        if not matches or layers is None:
            return matches
        number = re.search(r"\.(\d+)\.", name)
        return number is not None and int(number[1]) in layers

    try:
        return {name: size for name, size in dims.modules.items() if is_one(name)}
    except re.error:
        return {}
