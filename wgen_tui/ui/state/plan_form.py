"""The form of a grading plan: three rows, one of which is in hand.

Promises: pure; what stands in it may be wrong, and is checked when it is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.ui.state.cells import BOLD, DIM
from wgen_tui.ui.state.format import plural

if TYPE_CHECKING:
    from wgen_tui.services.grading.grading_plan import Available, Draw

SIZES = (10, 20, 40, 60, 80, 120, 160, 200, 400, 800, 1600)
SAMPLES, DRAW, TWICE = range(3)
DIGITS = 6


class PlanForm:
    """What is chosen so far.

    Attributes:
        samples: How many to grade; 0 where nothing is typed.
        repeats: How many of them twice: a share of them until it is changed.
        draw: How they are drawn.
        row: The one in hand.
    """

    def __init__(
        self, available: Available, most: int, usual: int, twice: Callable[[int], int]
    ) -> None:
        """Begin with the usual plan.

        Args:
            available: What there is.
            most: How many samples a plan may have.
            usual: How many it has if nobody says.
            twice: How many of so many are then shown twice.
        """
        self.samples = usual
        self.draw: Draw = "balanced"
        self.row = SAMPLES
        self._available = available
        self._most = most
        self._twice = twice
        self._own: int | None = None  # repeats that were chosen
        self._begun = False  # a digit goes on with the number, rather than begin another

    @property
    def repeats(self) -> int:
        """How many are shown twice."""
        return self._twice(self.samples) if self._own is None else self._own

    def move(self, step: int) -> None:
        """Another row."""
        self.row, self._begun = (self.row + step) % 3, False

    def change(self, step: int) -> None:
        """The next value of the row."""
        self._begun = False
        if self.row == DRAW:
            self.draw = "random" if self.draw == "balanced" else "balanced"
        elif self.row == TWICE:
            self._own = max(self.repeats + step, 0)
        else:
            sizes = sorted({*(size for size in SIZES if size < self._most), self._most})
            beyond = [size for size in sizes if (size - self.samples) * step > 0]
            self.samples = (min if step > 0 else max)(beyond, default=self.samples)

    def type(self, digit: str) -> None:
        """A digit of the row's number."""
        if self.row != DRAW:
            before = str(self._value()) if self._begun else ""
            self._set(int((before + digit)[:DIGITS]))
            self._begun = True

    def erase(self) -> None:
        """Take the last digit away."""
        if self.row != DRAW:
            self._set(self._value() // 10)
            self._begun = True

    def _value(self) -> int:
        return self.samples if self.row == SAMPLES else self.repeats

    def _set(self, value: int) -> None:
        if self.row == SAMPLES:
            self.samples = value
        else:
            self._own = value

    def text(self) -> Text:
        """The rows, and what they mean."""
        arms, questions = self._available.arms, self._available.questions
        drawn = {
            "balanced": f"over {plural(arms, 'arm')} and {plural(questions, 'question')}",
            "random": "as they come, each with the same chance",
        }
        rows = (
            ("how many", f"{self.samples:,}", f"of {self._available.samples:,} not graded by you"),
            ("drawn", self.draw, drawn[self.draw]),
            ("shown twice", f"{self.repeats:,}", "blind, for agreement with yourself"),
        )
        text = Text("\n")
        for place, (name, value, means) in enumerate(rows):
            here = place == self.row
            text.append("▶ " if here else "  ", BOLD)
            text.append(f"{name:12}", BOLD if here else "")
            text.append(f" {value:>8} ", "reverse" if here else "")
            text.append(f"  {means}\n", DIM)
        if self.samples:
            text.append(f"\nA share of all is then known to ±{points(self.samples)} points", DIM)
            if arms > 1 and self.draw == "balanced" and self.samples >= arms:
                text.append(f", of one arm to ±{points(self.samples // arms)}", DIM)
            text.append(".\n", DIM)
        return text


def points(n: int) -> int:
    """Half of the widest 95% interval of a share of so many, in points."""
    return round(98 / math.sqrt(n))
