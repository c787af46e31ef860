"""Choosing a filter from what there is: values with their counts, no typing.

Promises: a value's count is of the samples that all other fields let through; nothing is listed by
it before enter; esc leaves the filter as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from wgen_tui.ui import services
from wgen_tui.ui.state import filters
from wgen_tui.ui.state.answers import choices as state
from wgen_tui.ui.state.answers.choices import Choice, Group
from wgen_tui.ui.threads import ThreadedScreen, loads
from wgen_tui.ui.widgets.hint_line import HintLine

HINT = "space chooses · enter lists them · backspace none · esc cancels"


class FacetModal(ThreadedScreen, ModalScreen[dict[str, Any] | None]):
    """Fields with their values; returns the fields of a filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "choose", priority=True),
        Binding("enter", "apply", "apply", priority=True),
        Binding("escape,q,f", "cancel", "cancel"),
        Binding("backspace", "clear", "none"),
        Binding("j", "move('down')", "down", show=False),
        Binding("k", "move('up')", "up", show=False),
        Binding("tab,l,right", "group(1)", "next field", show=False, priority=True),
        Binding("shift+tab,h,left", "group(-1)", "previous field", show=False, priority=True),
    ]

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__()
        self._fields = dict(fields)
        self._groups: list[Group] = []
        self._total = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide tall"):
            yield Static("reading…", id="chosen", markup=False)
            yield OptionList(id="values")
            yield HintLine(HINT)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self._read(dict(self._fields))

    @loads("facets", then="_show")
    def _read(self, fields: dict[str, Any]) -> tuple[dict[str, Any], list[Group], int]:
        """The values of each field, counted without what is chosen of the field itself."""
        samples = services.samples
        every = samples.facets(self.home, samples.filter_of(fields))
        without = {
            name: samples.facets(
                self.home, samples.filter_of(filters.with_values(fields, name, []))
            )
            for name in state.FIELDS
            if filters.several(fields, name)
        }
        return fields, state.groups(every, without, fields), sum(n for _, n in every.arms)

    def _show(self, read: tuple[dict[str, Any], list[Group], int]) -> None:
        fields, groups, total = read
        if fields != self._fields:
            return  # another value was chosen meanwhile; it is being read
        values = self.query_one(OptionList)
        at = self._choice_at(values.highlighted)  # of the groups that are shown until now
        self._groups, self._total = groups, total
        values.clear_options()
        options: list[Option] = []
        place = None
        for number, group in enumerate(groups):
            options.append(Option(state.heading(group), id=f"head-{number}", disabled=True))
            for index, choice in enumerate(group.choices):
                if at is not None and (at.field, at.value) == (choice.field, choice.value):
                    place = len(options)
                options.append(Option(state.line(choice), id=f"{number}-{index}"))
        values.add_options(options)
        values.highlighted = place if place is not None else (1 if options else None)
        self._say()

    def _say(self) -> None:
        written = filters.write(self._fields) or "all samples"
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{self._total:,}", "bold")
        text.append(f"  {written}")
        self.query_one("#chosen", Static).update(text)

    def _choice_at(self, index: int | None) -> Choice | None:
        if index is None:
            return None
        option = self.query_one(OptionList).get_option_at_index(index)
        number, _, place = (option.id or "head").partition("-")
        return None if number == "head" else self._groups[int(number)].choices[int(place)]

    def on_option_list_option_selected(self) -> None:
        """A value was clicked."""
        self.action_choose()

    def action_choose(self) -> None:
        choice = self._choice_at(self.query_one(OptionList).highlighted)
        if choice is None:
            return
        values = filters.several(self._fields, choice.field)
        chosen = [value for value in values if value != choice.value]
        if len(chosen) == len(values):
            chosen.append(choice.value)
        self._fields = filters.with_values(self._fields, choice.field, chosen)
        self._read(dict(self._fields))

    def action_clear(self) -> None:
        for name in state.FIELDS:
            self._fields = filters.with_values(self._fields, name, [])
        self._read(dict(self._fields))

    def action_group(self, step: int) -> None:
        """To the first value of the next field."""
        values = self.query_one(OptionList)
        starts = [
            index + 1
            for index in range(values.option_count)
            if (values.get_option_at_index(index).id or "").startswith("head")
        ]
        here = values.highlighted or 0
        after = [start for start in starts if start > here]
        before = [start for start in starts if start < here]
        if starts:
            values.highlighted = (
                (after or starts)[0] if step > 0 else before[-1] if before else starts[-1]
            )

    def action_move(self, direction: str) -> None:
        values = self.query_one(OptionList)
        values.action_cursor_down() if direction == "down" else values.action_cursor_up()

    def action_apply(self) -> None:
        self.dismiss(self._fields)

    def action_cancel(self) -> None:
        self.dismiss(None)
