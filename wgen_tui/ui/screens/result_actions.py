"""What the keys of the screen Results do: views, samples, SQL, figures.

Promises: every key acts or says why it cannot; files are written in a thread and where they went is
said.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import one_line
from wgen_tui.ui import services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state.figures.figure import as_csv
from wgen_tui.ui.state.figures.svg import as_svg
from wgen_tui.ui.state.outcomes import readouts, views, words
from wgen_tui.ui.state.outcomes.pictures import figure_of
from wgen_tui.ui.state.outcomes.rows import Number, Part, Row
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.section_table import SectionTable

if TYPE_CHECKING:
    from store.samples.behind import Behind
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results

NO_RESULTS = "There are no results yet."
NO_NUMBER = "Nothing was sampled for this: there are no samples behind it."
Kind = Literal["svg", "csv"]


class ResultActions(BaseScreen):
    """The keys; what is shown is the subclass's.

    Attributes:
        results: What was computed last.
        view: Which view is shown.
        inside: Of which arm, or read-out.
        explains: Whether the notes say how the numbers are made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.results: Results | None = None
        self.view: views.View = "arms"
        self.inside = views.Inside()
        self.explains = False

    # What the subclass has

    @property
    def number(self) -> Number | None:
        """The number under the cursor."""
        raise NotImplementedError

    def show(self) -> None:
        """Draw what was computed."""
        raise NotImplementedError

    def go_to_view(self, view: views.View) -> None:
        """Show another view."""
        raise NotImplementedError

    # Views

    def action_view(self, step: int) -> None:
        """The next view, or the one before."""
        if self.results is None:
            self.notify_plain(NO_RESULTS, "View")
            return
        offered = views.offered(self.results)
        if len(offered) == 1:
            self.notify_plain(views.ONE_VIEW, "View")
            return
        self.inside = self.inside._replace(readout=None)
        self.go_to_view(offered[(offered.index(self.view) + step) % len(offered)])

    def action_pick_view(self, view: views.View) -> None:
        """Show the view that was clicked in the heading."""
        if self.results is not None and view in views.offered(self.results):
            self.inside = self.inside._replace(readout=None)
            self.go_to_view(view)

    def action_arm(self, step: int) -> None:
        """The next arm, in the view of one."""
        if self.results is None or self.view not in views.OF_ONE_ARM:
            self.notify_plain("[ and ] go to the next arm's questions: press v for them.", "Arm")
            return
        arms = views.arms_in_order(self.results)
        place = arms.index(self.inside.arm) if self.inside.arm in arms else -step
        self.inside = self.inside._replace(arm=arms[(place + step) % len(arms)])
        self.show()

    def action_cell(self, step: int) -> None:
        """The next number of the row."""
        table = self.focused
        if not isinstance(table, SectionTable) or not table.sideways(step):
            self.notify_plain("There is no other number on this side.", "Row")

    def action_explain(self) -> None:
        """How the numbers are made, in the place of the notes, which have the keys; or back."""
        if self.results is None:
            self.notify_plain(NO_RESULTS, "Method")
            return
        self.explains = not self.explains
        self.set_class(self.explains, "-explains")
        self.show()
        self.app.set_focus(self.query("#notes" if self.explains else "#list").first())

    def action_back(self) -> None:
        if self.explains:
            self.action_explain()
        elif self.inside.readout is not None:
            left, self.inside = self.inside.readout, self.inside._replace(readout=None)
            self.show()
            table = self.query_one("#list", SectionTable)
            keys = [table.key_at(index) for index in range(len(table))]
            table.move_to(keys.index(left.key) if left.key in keys else 0)
        elif self.results is not None and self.view != (first := views.offered(self.results)[0]):
            self.go_to_view(first)
        else:
            super().action_back()

    # From a number to what it is made of

    def on_virtual_table_selected(self, message: SectionTable.Selected) -> None:
        row = message.table.current
        if isinstance(row, Row) and isinstance(row.item, readouts.Line):
            if self.inside.readout is None:
                self.inside = self.inside._replace(readout=row.item)
                self.show()
                message.table.move_to(0)
            else:
                self.notify_plain(NO_NUMBER, "Samples")
            return
        self._open_samples(None)

    def action_hits(self) -> None:
        """Only the samples that the number counts."""
        self._open_samples("hits")

    def _open_samples(self, part: Part | None) -> None:
        if (number := self._number("Samples")) is not None and self.results is not None:
            self._read_samples(self.results, number, part or number.part)

    def _number(self, wanted: str) -> Number | None:
        """The number under the cursor; says so where there is none."""
        number = self.number if self.results is not None else None
        if number is None:
            self.notify_plain(NO_RESULTS if self.results is None else NO_NUMBER, wanted)
        return number

    @loads("samples", then="_samples_read", opens=True)
    def _read_samples(
        self, results: Results, number: Number, part: Part
    ) -> tuple[dict[str, Any], str]:
        behind = _behind(results, number, part)
        return services.behind.filter_fields(results, behind), words.what_of(number, part)

    def _samples_read(self, read: tuple[dict[str, Any], str]) -> None:
        self.wgen.show_samples(*read)

    def action_query(self) -> None:
        """The SQL whose rows are the samples of this number."""
        if (number := self._number("SQL")) is not None and self.results is not None:
            self._read_query(self.results, number)

    @loads("query", then="_query_read", opens=True)
    def _read_query(self, results: Results, number: Number) -> str:
        return _behind(results, number, number.part).query()

    def _query_read(self, query: str) -> None:
        self.wgen.show_query(query)

    def action_counts(self) -> None:
        """The SQL that counts for all of the headline."""
        if self.results is None:
            self.notify_plain(NO_RESULTS, "SQL")
        else:
            self.wgen.show_query(self.results.sql)

    # Files

    def action_copy(self) -> None:
        """The figure's numbers, with tabs between them."""
        if self.results is None:
            self.notify_plain(NO_RESULTS, "Copy")
            return
        figure = figure_of(self.results, self.view, self.inside.arm)
        self.app.copy_to_clipboard(as_csv(figure, "\t"))

    def action_figure(self, kind: Kind) -> None:
        """Write what is shown as a file."""
        if self.results is None:
            self.notify_plain(NO_RESULTS, "Figure")
        elif self.check_writable():
            self._write_figure(self.results, self.view, self.inside.arm, kind)

    @loads("figure", then="_figure_written")
    def _write_figure(
        self, results: Results, view: views.View, arm: views.Arm | None, kind: Kind
    ) -> Path:
        figure = figure_of(results, view, arm)
        places = views.places_of(results, self.arm_colours(results.experiment))
        text = as_csv(figure) if kind == "csv" else as_svg(figure, places)
        of = f"-{arm[1]}" if view in views.OF_ONE_ARM and arm is not None else ""
        name = f"{results.experiment}-{view}{of}.{kind}"
        target = self.home.exports / one_line(name, 200).replace("/", "-")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with services.sql.whole_file(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return target

    def _figure_written(self, path: Path) -> None:
        self.notify_plain(f"Wrote {path}", "Figure")


def _behind(results: Results, number: Number, part: Part) -> Behind:
    """The samples of a number.

    Raises:
        UsageError: there are none.
    """
    if not words.is_rate(number.of):
        item = cast("ContrastResult", number.of)
        return services.behind.behind_contrast(results, item, part=part)
    rate: Rate = number.of
    if part == "hits" and rate.unit != "share":
        raise UsageError(
            "A mean has no hits.", title="Samples", hint="enter shows all that it is made of."
        )
    make = services.behind.behind_point if number.in_curve else services.behind.behind_rate
    return make(results, rate, part=part)
