"""The stop texts of a definition: where a completion ends because of what it says.

Promises: a stop may begin inside a token and end inside another, and may be or contain a special
token, which completions otherwise never show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

STOP_WINDOW = 8  # tokens, beyond a stop text's own bytes, that are searched for it


class StopTexts:
    """The stop texts of one tokenizer's completions.

    Attributes:
        ids: The tokens that are a stop text by themselves.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str]) -> None:
        """Take the tokenizer and the definition's stop texts."""
        self._tokenizer = tokenizer
        special = {
            str(token): number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special
        }
        self.ids = frozenset(special[text] for text in texts if text in special)
        self._texts = tuple(text for text in texts if text not in special)
        # Completions are decoded without special tokens, but where a stop text has one.
        raw = any(name in text for name in special for text in self._texts)
        self._special = tuple(special) if raw else ()
        self._window = max((len(text.encode()) for text in self._texts), default=0) + STOP_WINDOW

    def __bool__(self) -> bool:
        return bool(self._texts)

    def hit(self, tokens: np.ndarray[Any, np.dtype[np.int64]]) -> bool:
        """Whether a stop text stands among the last of the drawn tokens."""
        text = self._decode(tokens[-self._window :].tolist())
        return any(stop in text for stop in self._texts)

    def cut(self, tokens: Sequence[int]) -> str:
        """The text of drawn tokens up to the first stop text."""
        text = self._decode(tokens)
        cuts = [text.index(stop) for stop in self._texts if stop in text]
        text = text[: min(cuts)] if cuts else text
        for name in self._special:
            text = text.replace(name, "")
        return text

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=not self._special)
        return text
