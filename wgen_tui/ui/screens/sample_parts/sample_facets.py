"""The values that the filter can choose among, above the list where there is room for them.

Promises: a value's count is of the samples that all other fields let through; what is chosen is
listed at once, and counted behind it; where there is no room, `f` opens the same as a dialog.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.app import ComposeResult

from wgen_tui.ui import services
from wgen_tui.ui.screens.sample_parts.sample_folds import SampleFoldsScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state.answers import choices, facet_lines
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.choice_lines import ChoiceLines
from wgen_tui.ui.widgets.panels import panel, set_title

if TYPE_CHECKING:
    from store.samples.facets import Facets
    from wgen_tui.ui.state.answers.choices import Group

LARGE = (150, 36)  # columns and rows from which on they stand above the list
LINES = ((44, 6), (0, 4))  # rows of a terminal from which on they have so many lines


class Values(NamedTuple):
    """Fields with their values, of a filter."""

    fields: dict[str, Any]
    groups: list[Group]
    experiments: list[str]


class SampleFacetsScreen(SampleFoldsScreen):
    """A list of samples, and the values that can be chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._values: Values | None = None
        self._counting = Lock()  # two readers at once hold twice as much memory

    def compose_facets(self) -> ComposeResult:
        """The panel."""
        yield panel(ChoiceLines("#list", id="facets"), "facets")

    @property
    def _choices(self) -> ChoiceLines:
        return self.query_one("#facets", ChoiceLines)

    @property
    def _is_large(self) -> bool:
        columns, rows = self.app.size
        return columns >= LARGE[0] and rows >= LARGE[1]

    def on_resize(self) -> None:
        self.set_class(self._is_large, "-facets")
        # Always so many: what stands below would move with each choice.
        lines = next(lines for rows, lines in LINES if self.app.size.height >= rows)
        self._choices.styles.height = lines + 2
        if self._is_large and self._facets is not None and self._values is None:
            self._count_choices(dict(self._fields), self._facets)

    def on_choice_lines_resized(self) -> None:
        self._draw_values()

    # What there is to choose

    def values_counted(self, facets: Facets) -> None:
        if self._is_large:
            self._count_choices(dict(self._fields), facets)
        else:
            self._values = None

    def nothing_counted(self) -> None:
        if self._is_large:
            self._count_choices(dict(self._fields), None)

    @loads("choices", then="_keep_values")
    def _count_choices(self, fields: dict[str, Any], facets: Facets | None) -> Values | None:
        """The values of each field, counted without what is chosen of the field itself."""
        samples = services.samples
        without: dict[str, Facets] = {}
        with self._counting:
            if facets is None:  # nothing is listed
                facets = samples.facets(self.home, samples.filter_of(fields))
            for name in choices.FIELDS:
                if fields != self._fields:
                    return None  # others were chosen meanwhile
                if filters.several(fields, name):
                    open_ = samples.filter_of(filters.with_values(fields, name, []))
                    without[name] = samples.facets(self.home, open_)
        experiments = [str(value) for value, _ in facets.experiments]
        return Values(fields, choices.groups(facets, without, fields), experiments)

    def _keep_values(self, values: Values | None) -> None:
        if values is not None and values.fields == self._fields:
            self._values = values
            self._draw_values()

    def _draw_values(self) -> None:
        if self._values is None or not self.has_class("-facets"):
            return
        lines = self._choices
        _, groups, experiments = self._values
        colours = self._colours(experiments[0]) if len(experiments) == 1 else None
        drawn = facet_lines.lines(groups, max(lines.size.width - 2, 20), colours)
        keys = [(choice.field, choice.value) for group in groups for choice in group.choices]
        lines.show(drawn, keys)
        self.on_choice_lines_moved()

    def on_choice_lines_moved(self) -> None:
        """Say what does not fit, and the key."""
        lines = self._choices
        below = f" · {plural(lines.below, 'line')} below" if lines.below else ""
        set_title(lines, f"facets{' · space chooses' if lines.has_focus else ''}{below}")

    def arms_known(self) -> None:
        self._draw_values()

    # Choosing

    def action_facets(self) -> None:
        """The values above the list, or back to the list; a dialog where there is no room."""
        if not self.has_class("-facets"):
            super().action_facets()
        else:
            self.set_focus(self._table if self._choices.has_focus else self._choices)

    def on_choice_lines_chosen(self, message: ChoiceLines.Chosen) -> None:
        key: Any = message.key
        field, value = key
        values = filters.several(self._fields, field)
        chosen = [one for one in values if one != value]
        if len(chosen) == len(values):
            chosen.append(value)
        self.change_filter(filters.with_values(self._fields, field, chosen))
        self._mark_chosen()

    def _mark_chosen(self) -> None:
        """Show what is chosen before it is counted: nothing else moves."""
        if self._values is not None:
            self._values = self._values._replace(
                groups=choices.chosen_of(self._values.groups, self._fields)
            )
            self._draw_values()
