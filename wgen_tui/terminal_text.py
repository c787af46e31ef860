"""Text that a model wrote, made safe for a terminal.

Promises: the text holds no character that a terminal obeys, that turns the reading direction or
that is invisible: each is shown as a symbol. Everything else stays as it is.
"""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TextIO, cast

NEWLINE = "\n"
_INVISIBLE = (
    *range(0x80, 0xA0),  # C1 controls: 0x9b alone opens an escape sequence
    0xAD,  # soft hyphen
    0x61C,
    *range(0x200B, 0x2010),  # zero-width characters, direction marks
    *range(0x2028, 0x202F),  # line and paragraph separators, direction embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, invisible operators, direction isolates
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xD800, 0xE000),  # lone surrogates, which no encoder takes
    *range(0xE0000, 0xE0080),  # tags: text that no terminal shows
)
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
TAB = 4


@cache
def _symbols(keep_newlines: bool) -> dict[int, str]:
    """What is shown for a character that is never sent: thousands, made when one may be there."""
    symbols = {
        **{code: chr(0x2400 + code) for code in range(0x20)},  # ␀ … ␛ … ␟
        0x7F: "␡",
        **{code: f"‹{code:02X}›" for code in _INVISIBLE},
    }
    if keep_newlines:
        del symbols[ord(NEWLINE)]
    return symbols


def obeyed() -> Iterable[int]:
    """The characters that are never sent."""
    return _symbols(False)


def are(number: int, one: str = "is", several: str = "are") -> str:
    """The verb behind a count: `is` of one, `are` of several."""
    return one if number == 1 else several


def plural(number: int, noun: str) -> str:
    """`1 run`, `3 runs`, `3,000 launches`."""
    end = "es" if noun.endswith(("ch", "sh", "s", "x")) else "s"
    return f"{number:,} {noun}" + ("" if number == 1 else end)


def log_line(line: str) -> str:
    """A line of a log: tabs as spaces, colours left out, other control characters as symbols."""
    return printable(_COLOURS.sub("", line).expandtabs(TAB), keep_newlines=False)


def printable(text: str, *, keep_newlines: bool = True) -> str:
    """`text` with every control and invisible character as a symbol.

    Args:
        text: Anything.
        keep_newlines: Whether line feeds stay line feeds.
    """
    if text.isprintable():  # it has none of them, and no newline
        return text
    return text.translate(_symbols(keep_newlines))


class Visible(io.TextIOBase):
    """A stream to a terminal: what is written to it is made `printable` on its way."""

    def __init__(self, terminal: TextIO) -> None:
        """Take the terminal's stream."""
        self._terminal = terminal

    def write(self, text: str) -> int:
        """Write the text with its control characters as symbols."""
        self._terminal.write(printable(text))
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()


def standard_output() -> TextIO:
    """Stdout for data: byte for byte in a pipe or a file, made visible on a terminal."""
    return cast(TextIO, Visible(sys.stdout)) if sys.stdout.isatty() else sys.stdout


def one_line(text: str, width: int) -> str:
    """`text` on one line of at most `width` cells, cut with an ellipsis."""
    shown = printable(text, keep_newlines=False)
    if sum(map(_cells, shown)) <= width:
        return shown
    kept: list[str] = []
    left = width - 1
    for character in shown:
        left -= _cells(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + "…" if width > 0 else ""


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
