"""Regular expressions of a definition: compiled, searched within a time, and tried beforehand.

Promises: a pattern that backtracks without end costs a search `LIMIT` seconds and no more. The
engine is the `regex` package, which knows time limits; what it reads otherwise than Python's `re`
is refused by whichever of the two does not take it.
"""

from __future__ import annotations

import re
from typing import Any

LIMIT = 1.0  # seconds for one pattern and one answer; an ordinary search takes microseconds
TRIAL = 0.1
# What patterns backtrack over: words, letters, digits, white space; and ends that match none, the
# second with the marks that a pattern may ask for before it begins.
UNITS = ("word ", "a", "aB1 ", "1", " ", "word, ", "\n", "a-", "_")
TRIALS = tuple(f"{unit * 60}{end}" for unit in UNITS for end in ("\x01", "!?.;:=\x01"))


class TooSlow(Exception):
    """The search did not end in time."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str, *, case_sensitive: bool) -> None:
        """Compile it.

        Raises:
            ValueError: it is no regular expression.
        """
        import regex  # noqa: PLC0415  for the definitions that have patterns alone

        try:
            re.compile(text)
            # Kept here alone: a list of experiments checks hundreds that it never searches with.
            self._compiled: Any = regex.compile(
                text, 0 if case_sensitive else regex.IGNORECASE, cache_pattern=False
            )
        except (re.error, regex.error) as error:
            raise ValueError(str(error)) from error

    def search(self, text: str, seconds: float = LIMIT) -> str | None:
        """The first match in `text`, or None.

        Raises:
            TooSlow: neither was found in `seconds`.
        """
        try:
            match = self._compiled.search(text, timeout=seconds)
        except TimeoutError:
            raise TooSlow from None
        return None if match is None else str(match[0])

    def slow_on(self) -> str:
        """A text on which the pattern takes far too long, or nothing."""
        for text in TRIALS:
            try:
                self.search(text, TRIAL)
            except TooSlow:
                return text[:20]
        return ""
