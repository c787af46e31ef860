"""The pictures on Runs: curves of the chosen runs, rates over steps, what sets two runs apart.

Promises: read and drawn in threads; what was drawn stands until a course, a shape or a size is
another.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state.cells import DIM
from wgen_tui.ui.state.outcomes import courses as steps
from wgen_tui.ui.state.outcomes import views as outcome_views
from wgen_tui.ui.state.run_views import curves, differences
from wgen_tui.ui.state.run_views.groups import Group
from wgen_tui.ui.threads import REST, loads
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from wgen_tui.services.results.kept.stamps import Stamp
    from wgen_tui.services.results.results import Results
    from wgen_tui.services.runs.measured.courses import Course, Courses
    from wgen_tui.services.runs.measured.held_out import HeldOutCurves, Points
    from wgen_tui.services.runs.run_state import RunStatus

READ = 2 * len(curves.LETTERS)  # runs of those chosen that are read: base and others have no course
TWO = "Mark two runs with space: d shows which of their settings differ."
NO_RATES = (
    "Nothing was sampled at several steps.\n\n"
    "`sampling: {during_training: …}` in the definition samples while it trains."
)


class Drawn(NamedTuple):
    """A picture of curves, and what it was drawn from."""

    run_ids: tuple[str, ...]
    shape: curves.Shape
    size: tuple[int, int]
    courses: list[Course | Points | None]
    text: Text

    def is_of(self, other: Drawn) -> bool:
        """Whether it would be drawn the same; a course that grew is another object."""
        same = self[:3] == other[:3] and len(self.courses) == len(other.courses)
        return same and all(a is b for a, b in zip(self.courses, other.courses, strict=True))


class Computed(NamedTuple):
    """Results of an experiment, or why there are none; of which files, from when until when."""

    experiment: str
    stamp: Stamp
    read: Results | str
    began: float
    ended: float

    def serves(self, experiment: str, stamp: Stamp) -> bool:
        """Whether it will do: while data come in, computing takes a tenth of the time at most."""
        rests = monotonic() - self.ended < REST * (self.ended - self.began)
        return self.experiment == experiment and (self.stamp == stamp or rests)


class RunPictures(BaseScreen):
    """The panes that draw; the subclass says of which runs, and which view is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._courses: Courses | None = None
        self._held_out: HeldOutCurves | None = None
        self._reading = Lock()  # a thread that reads of other runs may not have ended
        self._picture: Drawn | None = None
        self._results: Computed | None = None
        self._rates_of: str | None = None  # the experiment whose rates are shown
        self._view = "curves"  # as chosen; `sees` says what stands
        self._shape = curves.Shape()
        self._drawn_of: tuple[str, ...] = ()  # the runs whose curves are shown

    # What the subclass has

    @property
    def row(self) -> Group | RunStatus | None:
        """What the cursor stands on."""
        raise NotImplementedError

    @property
    def row_experiment(self) -> str | None:
        """The experiment of what the cursor stands on."""
        row = self.row
        if isinstance(row, Group):
            return row.key.experiment
        return None if row is None else row.experiment

    def chosen_runs(self) -> list[RunStatus]:
        """The marked runs, else what the cursor stands on."""
        raise NotImplementedError

    def show_view(self, view: str) -> None:
        """Show one of the views."""
        raise NotImplementedError

    def sees(self, view: str) -> bool:
        """Whether a view is to be seen."""
        raise NotImplementedError

    def show_titles(self) -> None:
        """Name the views, and what is drawn."""
        raise NotImplementedError

    def load_pictures(self) -> None:
        """Read and draw what is to be seen of the chosen runs, in threads."""
        if not self.sees("rates"):
            self._rates_of = None
        if self.sees("curves"):
            self._load_curves()
        if self.sees("rates") and (experiment := self.row_experiment) is not None:
            if experiment != self._rates_of:  # no other's rates stand as if they were its own
                self._rates_of = experiment
                self.query_one("#more", TextPane).show(Text("reading…", DIM))
            if not self.busy("rates"):
                self._read_rates(experiment)
        elif self._view == "difference" and not self.busy("difference"):
            self._load_difference()

    def _load_curves(self) -> None:
        size = self._curves_size()
        if min(size) > 0 and not self.busy("curves"):
            self._read_curves(self.chosen_runs(), self._shape, size)

    def _curves_size(self) -> tuple[int, int]:
        pane = self.query_one("#curves")
        # The column of a scrollbar stays free, so that none comes and goes.
        return pane.size.width - 1, pane.size.height

    # Curves

    @loads("curves", then="_show_curves")
    def _read_curves(
        self, chosen: Sequence[RunStatus], shape: curves.Shape, size: tuple[int, int]
    ) -> Drawn:
        with self._reading:
            if self._courses is None:
                self._courses = services.courses.Courses(self.home)
            read = [curves.Curve(run, self._courses.read(run.run_id)) for run in chosen[:READ]]
            run_ids = tuple(run.run_id for run in chosen)
            seen: list[Course | Points | None] = [curve.course for curve in read]
            if shape.measure in curves.HELD_OUT:
                if self._held_out is None:
                    self._held_out = services.held_out.HeldOutCurves(self.home)
                measured = self._held_out.read(run_ids[:READ])
                pairs = zip(read, measured, strict=True)
                read = [curve._replace(held_out=points) for curve, points in pairs]
                seen += measured
            new = Drawn(run_ids, shape, size, seen, Text())
            if self._picture is None or not self._picture.is_of(new):
                colours = {run.experiment: self.arm_colours(run.experiment) for run in chosen}
                text = curves.picture(read, shape, size, colours, unread=len(chosen) - len(read))
                self._picture = new._replace(text=text)
            return self._picture

    def _show_curves(self, drawn: Drawn) -> None:
        other = drawn.run_ids != self._drawn_of
        self._drawn_of = drawn.run_ids
        self.query_one("#curves", TextPane).show(drawn.text, keep_place=not other)
        self.show_titles()
        if drawn.size != self._curves_size():
            self._load_curves()  # what stands above took or left lines meanwhile

    def action_measure(self, by: int) -> None:
        """The next measure: loss, learning rate, gradient norm, held-out loss and accuracy."""
        number = (self._shape.measure + by) % len(curves.MEASURES)
        self._reshape(self._shape._replace(measure=number))

    def action_log_scale(self) -> None:
        """A logarithmic axis, or a linear one again."""
        self._reshape(self._shape._replace(log=not self._shape.log))

    def action_smooth(self) -> None:
        """Smooth the curves, or show every step again."""
        self._reshape(self._shape._replace(smooth=not self._shape.smooth))

    def _reshape(self, shape: curves.Shape) -> None:
        self._shape = shape
        self.discard_load("curves")
        if not self.sees("curves"):
            self.show_view("curves")
        else:
            self._load_curves()

    # Rates over steps, and the difference of two runs

    @loads("rates", then="_show_rates")
    def _read_rates(self, experiment: str) -> tuple[str, Results | str]:
        stamp = services.stamps.stamp(self.home, experiment)
        if self._results is None or not self._results.serves(experiment, stamp):
            began = monotonic()
            try:
                read: Results | str = services.results.compute(self.home, experiment)
            except UsageError as error:
                read = str(error)
            self._results = Computed(experiment, stamp, read, began, monotonic())
        return experiment, self._results.read

    def _show_rates(self, computed: tuple[str, Results | str]) -> None:
        experiment, read = computed
        if not self.sees("rates") or experiment != self._rates_of:
            return
        pane = self.query_one("#more", TextPane)
        lines = None if isinstance(read, str) else steps.steps_lines(read)
        if isinstance(read, str) or lines is None:
            pane.show(Text(read if isinstance(read, str) else NO_RATES, DIM))
            return
        size = pane.scrollable_content_region.size
        colours = self.arm_colours(experiment)
        text = outcome_views.chart_text(lines, size.width - 1, max(size.height - 5, 6), colours)
        text.append(f"\n{printable(experiment)}: {printable(lines.title)}\n", DIM)
        pane.show(text.append(steps.steps_notes(read)), keep_place=True)

    def _load_difference(self) -> None:
        chosen = self.chosen_runs()
        if len(chosen) == 2:
            if (width := self.query_one("#more").size.width - 1) > 0:
                self._read_difference([run.run_id for run in chosen], width)
        else:
            self.query_one("#more", TextPane).show(Text(f"{TWO} {len(chosen)} chosen.", DIM))

    @loads("difference", then="_show_difference")
    def _read_difference(self, run_ids: list[str], width: int) -> Text:
        one, other = (services.runs.get_spec(self.home, run_id) for run_id in run_ids)
        return differences.described(one, other, width)

    def _show_difference(self, text: Text) -> None:
        if self._view == "difference":
            self.query_one("#more", TextPane).show(text, keep_place=True)

    def action_difference(self) -> None:
        """Which settings of the two marked runs differ."""
        if len(chosen := self.chosen_runs()) != 2:
            self.notify_plain(f"{TWO} {len(chosen)} chosen.", "Difference")
            return
        self.show_view("difference")
