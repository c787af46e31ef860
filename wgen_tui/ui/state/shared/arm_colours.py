"""One colour and one mark for each arm of an experiment, the same on every screen.

Promises: arms take colours in the order of their definition, whatever a screen lists or leaves out;
the untrained model is grey. The colours are told apart by people who are colour-blind (after Okabe
and Ito), and no two arms of one experiment have the same mark, so nothing is lost without colour.
Red is not among them: it is for what failed or is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

BASE = "base"  # the arm that is not trained


class ArmStyle(NamedTuple):
    """How an arm is drawn.

    Attributes:
        colour: A Rich style. It is named by a place in the terminal's palette, which the theme
            fills with a colour that can be read on its background.
        mark: One cell; also what tells arms apart without colour.
    """

    colour: str
    mark: str


ARM_STYLES = (
    ArmStyle("bright_yellow", "■"),  # orange
    ArmStyle("bright_cyan", "▲"),  # sky blue
    ArmStyle("bright_green", "◆"),  # bluish green
    ArmStyle("bright_magenta", "●"),  # reddish purple
    ArmStyle("bright_white", "▼"),  # yellow
    ArmStyle("bright_blue", "★"),  # blue
    ArmStyle("bright_red", "✚"),  # vermilion
)
BASE_STYLE = ArmStyle("bright_black", "○")  # grey


class ArmColours:
    """The styles of one experiment's arms.

    Example:
        >>> colours = ArmColours(["old_birds", "modern_audubon"])
        >>> colours["old_birds"].mark, colours["base"].mark
        ('■', '○')
    """

    def __init__(self, arms: Iterable[str] = ()) -> None:
        """Give the arms their styles.

        Args:
            arms: In the order of the definition; `base` may be among them or not.
        """
        self._places: dict[str, int] = {}
        for arm in arms:
            self._place(arm)

    def _place(self, arm: str) -> int:
        return self._places.setdefault(arm, len(self._places)) if arm != BASE else -1

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that have a style, in the order of the definition."""
        return tuple(self._places)

    def __getitem__(self, arm: str) -> ArmStyle:
        """The style of an arm; one that the definition does not name takes the next."""
        place = self._place(arm)
        if place < 0:
            return BASE_STYLE
        turn, number = divmod(place, len(ARM_STYLES))
        # With more arms than colours, a colour comes back with the next mark.
        mark = ARM_STYLES[(number + turn) % len(ARM_STYLES)].mark
        return ArmStyle(ARM_STYLES[number].colour, mark)

    def known(self, arm: str) -> ArmStyle | None:
        """The style of an arm that has one; a name that may be none of an arm takes none."""
        return self[arm] if arm == BASE or arm in self._places else None

    def labelled(self, arm: str) -> str:
        """`■ old_birds`."""
        return f"{self[arm].mark} {arm}"
