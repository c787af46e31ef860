"""The arms of an experiment as a list of boxes, to choose some of.

Promises: all are chosen at first, or those that the plan takes of itself; a box says by its letter
whether it is, without a colour.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from wgen_tui.terminal_text import printable

if TYPE_CHECKING:
    from experiments.schema import Arm


class ArmChoice(OptionList):
    """A line for each arm; space chooses it or leaves it out, `a` all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "choose or leave out"),
        Binding("a", "all", "all arms or none"),
    ]

    class Changed(Message):
        """Other arms are chosen than before."""

    def __init__(self, arms: Mapping[str, Arm], *, id: str) -> None:  # noqa: A002  Textual's name
        width = max(map(len, arms), default=0)
        self._said = {name: f"{name:{width}}  {_said(arm)}".rstrip() for name, arm in arms.items()}
        self._left_out: set[str] = set()
        self._by_hand = False
        lines = [Option(self._line(name), id=name) for name in arms]
        super().__init__(*lines, id=id, compact=True)

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """The arms that were chosen, in the definition's order; None until one is, or is not."""
        if not self._by_hand:
            return None
        return tuple(name for name in self._said if name not in self._left_out)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(self._left_out ^ {event.option.id or ""})

    def action_all(self) -> None:
        """Choose every arm; none, where all are chosen."""
        self._choose(set() if self._left_out else set(self._said))

    def show_planned(self, arms: Collection[str]) -> None:
        """Show which arms a plan takes, such as a scale's, unless they were chosen by hand."""
        if not self._by_hand:
            self._show({name for name in self._said if name not in arms})

    def _choose(self, left_out: set[str]) -> None:
        self._by_hand = True
        self._show(left_out)
        self.post_message(self.Changed())

    def _show(self, left_out: set[str]) -> None:
        for name in self._left_out ^ left_out:
            self._left_out ^= {name}
            self.replace_option_prompt(name, self._line(name))

    def _line(self, name: str) -> Content:
        return Content(f"[{' ' if name in self._left_out else 'x'}] {self._said[name]}")


def _said(arm: Arm) -> str:
    """What an arm is, on a line."""
    role = f"{arm.role}  " if arm.role != "treatment" else ""
    return printable(f"{role}{arm.told}", keep_newlines=False)
