"""Which modules a LoRA names, against the modules that a model has.

Promises: the plan (from the heads of the weights) and the worker (from the model itself) go by
these lines. PEFT is content when one of several names matches; here each must.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from experiments.schema import LoraConfig
from experiments.suggest import nearest

ALL_LINEAR = "all-linear"
LAYER = re.compile(r"\.(\d+)\.")


def wrong_targets(lora: LoraConfig, modules: Iterable[str]) -> tuple[str, str] | None:
    """What of a LoRA's targets is not there, and what is; None where all is.

    Args:
        lora: Its `target_modules` and `layers_to_transform`.
        modules: The full names of the model's modules.

    Returns:
        A sentence and a hint.
    """
    names = list(modules)
    layers = {int(match[1]) for name in names if (match := LAYER.search(name))}
    if beyond := sorted(set(lora.layers_to_transform or ()) - layers):
        has = f"layers 0 to {max(layers)}" if layers else "no numbered layers"
        return (
            f"training.lora.layers_to_transform names {_listed(beyond)}; the model has {has}.",
            "",
        )
    if isinstance(lora.target_modules, str):
        return _wrong_pattern(lora.target_modules, names)
    known = sorted({name.rpartition(".")[2] for name in names})
    wrong = [item for item in lora.target_modules if not _matches(item, names)]
    if not wrong:
        return None
    near = [f"{item} → {close}" for item in wrong if (close := nearest(item, known))]
    hint = f"Did you mean: {', '.join(near)}?" if near else f"It has: {', '.join(known)}."
    message = f"training.lora.target_modules: {_listed(wrong)} matches no module of the model."
    return message, hint


def _wrong_pattern(pattern: str, names: list[str]) -> tuple[str, str] | None:
    """PEFT takes a text for a pattern of whole names, but for `all-linear`."""
    what = "training.lora.target_modules"
    if pattern == ALL_LINEAR:
        return None
    try:
        if any(re.fullmatch(pattern, name) for name in names):
            return None
    except re.error as error:
        return f"{what}: {pattern!r} is no regular expression: {error}.", ""
    example = next((name for name in names if LAYER.search(name)), "")
    hint = f"It is compared with whole names, such as {example}." if example else ""
    return f"{what}: the pattern {pattern!r} matches no module of the model.", hint


def _matches(item: str, names: Iterable[str]) -> bool:
    return any(name == item or name.endswith(f".{item}") for name in names)


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
