"""Whatever a widget draws, a terminal is sent nothing of it that it obeys.

Promises: the last gate, behind every widget: control, direction and invisible characters that came
this far (pasted into an input, say) become dots of the same width, so that nothing moves.
"""

from __future__ import annotations

from functools import cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from wgen_tui.terminal_text import obeyed


@cache
def dots() -> dict[int, str]:
    """Thousands, which the first frame does not wait for: hardly a line has one."""
    return {code: "·" * cell_len(chr(code)) for code in obeyed()}


class VisibleText(LineFilter):
    """Textual asks it about every line of every widget."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, with a dot for each character that a terminal would obey."""
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            Segment(segment.text.translate(dots()), segment.style, segment.control)
            for segment in segments
        ]
