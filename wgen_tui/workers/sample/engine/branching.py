"""Rows that begin alike: their beginning is run once, and a tree of tokens behind them in one pass.

Promises: the logits are those of `ModelRunner`, up to rounding. Both are for models that keep keys
and values of all tokens (`attends_to_all`); of the others each row is run by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from wgen_tui.workers.device.transfer import upload
from wgen_tui.workers.sample.engine.forward import KVState, ModelRunner, attends_to_all
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

SHORTEST_SHARED = 16  # tokens; less costs more than it saves


@dataclass(frozen=True)
class TokenTree:
    """Tokens that may follow a prompt, each behind its parent.

    Attributes:
        tokens: Of every node; parents stand before their children.
        parents: The place of each node's parent; -1 behind the prompt itself.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]

    @property
    def depths(self) -> list[int]:
        """How many nodes stand before each."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(0 if parent < 0 else depths[parent] + 1)
        return depths

    @property
    def sees(self) -> torch.Tensor:
        """[nodes, nodes]: whether a node is another's ancestor, or itself."""
        sees = torch.eye(len(self.tokens), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                sees[node] |= sees[parent]
        return sees


def shared_prefix(rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The tokens that all rows begin with; at least one of each is left over."""
    ordered = sorted(map(tuple, rows))
    first, last = ordered[0], ordered[-1]  # what these share, all between them share
    most = min(map(len, rows)) - 1
    length = 0
    while length < most and first[length] == last[length]:
        length += 1
    return first[:length]


class BranchingRunner(ModelRunner):
    """Runs prompts of which many begin alike.

    Attributes:
        branches: Whether the model can; otherwise every prompt is run from its start.
    """

    def __init__(
        self,
        model: object,
        pad: int,
        slots: AdapterSlots | None = None,
        note: Callable[[str], None] = print,
    ) -> None:
        """Take a loaded model, as `ModelRunner` does."""
        super().__init__(model, pad, slots, note)
        self.branches = attends_to_all(model)
        self._shared: tuple[int, ...] = ()
        self._state: KVState | None = None  # of the shared tokens, once they were run

    @property
    def shared(self) -> int:
        """How many tokens of the prompts that come next are run once for all."""
        return len(self._shared) if len(self._shared) >= SHORTEST_SHARED else 0

    def share(self, prompts: Sequence[Sequence[int]]) -> None:
        """Say which prompts come next: what they all begin with is run once."""
        shared = shared_prefix(prompts) if self.branches and len(prompts) > 1 else ()
        if shared != self._shared:
            self._shared, self._state = shared, None

    def prefill(
        self, prompts: Sequence[Sequence[int]], slots: Sequence[int] | None = None
    ) -> KVState:
        """Run prompts behind what they share, which is run when it is first needed."""
        length = self.shared
        alike = all(tuple(prompt[:length]) == self._shared for prompt in prompts)
        of_base = slots is None or set(slots) == {NO_SLOT}
        if not length or not of_base or not alike:
            return super().prefill(prompts, slots)
        if self._state is None:
            self._state = super().prefill([self._shared])
        return self._behind(self._state, [prompt[length:] for prompt in prompts])

    def tree_logits(self, state: KVState, tree: TokenTree) -> torch.Tensor:
        """What follows every node of a tree behind every row, as [rows, nodes, vocabulary].

        The state is used up.
        """
        rows = len(state.mask)
        nodes = len(tree.tokens)
        before = state.mask.bool()[:, None, None, :].expand(-1, 1, nodes, -1)
        sees = upload(tree.sees, self.device).expand(rows, 1, -1, -1)
        depths = upload(torch.tensor(tree.depths), self.device)
        ids = upload(torch.tensor([tree.tokens] * rows), self.device)
        with torch.inference_mode():
            self._let_grow(state)
            output = self._model(
                input_ids=ids,
                attention_mask=torch.cat([before, sees], dim=-1),
                position_ids=state.mask.sum(1, keepdim=True) + depths,
                past_key_values=state.cache,
                use_cache=True,
                logits_to_keep=nodes,
            )
        logits: torch.Tensor = output.logits
        return logits

    def _behind(self, start: KVState, rest: Sequence[Sequence[int]]) -> KVState:
        """Rows that each go on from the one row of a state, padded where they do."""
        state = self.fork(start, [0] * len(rest))
        width = max(map(len, rest))
        ids = torch.tensor([[self._pad] * (width - len(r)) + list(r) for r in rest])
        ones = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rest])
        state.mask = torch.cat([state.mask, upload(ones, self.device)], dim=1)
        state.padded = any(len(row) < width for row in rest)
        state.logits = self._forward(state, upload(ids, self.device), keep=1)[:, -1]
        return state
