"""How a model uses its linear modules: what a stack of adapters on them must know.

Promises: found out by trying, once for a model, not by its name; the base is as before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

ROWS, TOKENS = 2, 7  # of the pass that is watched


class ModuleCalls:
    """What each module of a bare model was given in one pass."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._inputs: dict[str, list[torch.Size]] = defaultdict(list)
        self._odd: set[str] = set()  # those that give more than a tensor
        self._watched = False

    def giving_more(self, names: Iterable[str]) -> list[str]:
        """Those of these modules that give more than a tensor, as routers do: no adapter fits."""
        self._watch()
        return [name for name in names if name in self._odd]

    def why_not_stacked(self, names: Iterable[str]) -> str | None:
        """Why rows with adapters of their own cannot go through these modules; None if they can."""
        self._watch()
        for name in names:
            if name not in self._inputs:
                return f"{name} is not called: the model takes its weight by another way"
            if not all(map(_has_all_tokens, self._inputs[name])):
                return f"{name} does not get all tokens of its rows, in their order"
        return None

    def may_pack(self, names: Iterable[str]) -> bool:
        """Whether one can tell which token each input of these modules is."""
        self._watch()
        flat, rows = (ROWS * TOKENS,), (ROWS, TOKENS)
        return all(shape[:-1] in (flat, rows) for name in names for shape in self._inputs[name])

    def _watch(self) -> None:
        if self._watched:
            return
        hooks = [
            module.register_forward_hook(self._note(name))
            for name, module in self._model.named_modules()
            if name and _has_matrix(module)
        ]
        vocabulary = self._model.get_input_embeddings().weight.size(0)
        ids = torch.arange(ROWS * TOKENS, device=self._model.device).view(ROWS, TOKENS) % vocabulary
        try:
            with torch.inference_mode():
                self._model(input_ids=ids, use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        self._watched = True

    def _note(self, name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if not isinstance(output, torch.Tensor):
                self._odd.add(name)
            if args and isinstance(args[0], torch.Tensor):
                self._inputs[name].append(args[0].shape)

        return hook


def _has_matrix(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight", None), torch.Tensor)


def _has_all_tokens(shape: torch.Size) -> bool:
    """Whether an input is all rows, one after the other, each with as much for every token."""
    count = shape[:-1].numel()
    flat = len(shape) == 2 and count == ROWS * TOKENS
    return flat or (len(shape) > 2 and shape[0] == ROWS and count % (ROWS * TOKENS) == 0)
