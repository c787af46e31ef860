"""Spintax: a text with alternatives in braces, `{a|b} c`, drawn, listed or matched.

Alternatives do not nest. The first letter of a drawn text is a capital.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from functools import cached_property

_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class Spintax:
    """One template.

    Attributes:
        source: The template as written.
    """

    def __init__(self, source: str) -> None:
        """Parse a template.

        Raises:
            ValueError: Braces are unbalanced or nested.
        """
        self.source = source
        parts = _ALTERNATIVES.split(source)
        if any(brace in part for part in parts for brace in "{}"):
            raise ValueError(f"unbalanced or nested braces: {source!r}")
        self._segments = tuple(
            tuple(part.split("|")) if index % 2 else (part,) for index, part in enumerate(parts)
        )

    def draw(self, rng: random.Random) -> str:
        """Draw one text, every alternative with equal chance."""
        return _capital(
            "".join(
                options[0] if len(options) == 1 else options[int(rng.random() * len(options))]
                for options in self._segments
            )
        )

    def texts(self) -> Iterator[str]:
        """Yield every text of the template, in a fixed order."""
        for choice in itertools.product(*self._segments):
            yield _capital("".join(choice))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """A pattern that matches the template's texts and nothing else, in any case."""
        body = "".join(
            "(?:" + "|".join(re.escape(option) for option in options) + ")"
            for options in self._segments
        )
        return re.compile(body, re.IGNORECASE)

    def matches(self, text: str) -> bool:
        """Tell whether the text is one of the template's, in any case."""
        return self.pattern.fullmatch(text) is not None

    def __repr__(self) -> str:
        return f"Spintax({self.source!r})"
