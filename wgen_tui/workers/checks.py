"""transformers' tokenizer for the checks of training data.

Promises: encodes by `encode`, as training does, so what the checks find is what training would do.
No model, no torch of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from wgen_tui.training_data.mask import Chat, Example
from wgen_tui.workers.encoding import encode, render, special_ids


class TrainedTokenizer:
    """A tokenizer, as `training_data.checks.Encoder`.

    Attributes:
        stops: The tokens at which sampling stops and their texts; None: not known.
    """

    def __init__(self, tokenizer: Any, stops: tuple[int, ...] | None = None) -> None:
        """Take the tokenizer, and the stop tokens that the model's files name."""
        self.tokenizer = tokenizer
        ids = None if stops is None else {*stops, tokenizer.eos_token_id} - {None}
        self.stops: Mapping[int, str] | None = (
            None if ids is None else {i: str(tokenizer.convert_ids_to_tokens(i)) for i in ids}
        )

    @cached_property
    def special(self) -> frozenset[int]:
        return special_ids(self.tokenizer)

    def render(self, chat: Chat, *, prompt: bool = False) -> str:
        return render(self.tokenizer, chat, prompt=prompt)

    def encode(self, chat: Chat) -> Example:
        return encode(self.tokenizer, chat)

    def is_space(self, token: int) -> bool:
        return not self.tokenizer.decode([token]).strip()
