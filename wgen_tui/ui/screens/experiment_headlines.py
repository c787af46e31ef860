"""The headlines of the experiments in view: those that are known at once, others one by one.

Promises: no key reads one; what is not on the screen is not computed, and only when nobody waits;
one that stands is asked again when its runs have changed, and compared with its data when the
screen is opened again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from wgen_tui.errors import BusyError
from wgen_tui.ui import services, state
from wgen_tui.ui.screens.experiment_actions import ExperimentActions
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from rich.text import Text

    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.results.kept.headlines_file import Headline
    from wgen_tui.ui.state.cells import Cell

REST = 0.2  # seconds before one is read, in which a person may want something else
SHARE = 10  # runs at work change it: it is read again after so many times what reading it took,
LEAST = 2.0  # and after so many seconds at least: where nothing changed, reading it takes no time
# An experiment, how its runs were, how long reading it took, and what it has.
Read = tuple["ExperimentInfo", object, float, "Headline | None"]


class ExperimentHeadlines(ExperimentActions):
    """The part of Experiments that says what came out."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Counter[str]] = {}
        self._headlines: dict[str, tuple[Cell, ...]] = {}
        self._sentences: dict[str, Text] = {}
        self._asked: dict[str, tuple[object, float]] = {}  # of which runs, and until when it stands
        self._compared: set[str] = set()  # whose kept headline was looked for
        self._resting = False

    def in_view(self) -> list[ExperimentInfo]:
        """The experiments on the screen."""
        raise NotImplementedError

    def headlines_changed(self, slugs: Collection[str]) -> None:
        """Show them."""
        raise NotImplementedError

    def compare_again(self) -> None:
        """Compare what is shown with the data: grades may have come while the screen was hidden."""
        self._compared.clear()

    def want_headlines(self) -> None:
        """Show those in view that are known, and read the next of the others, after a rest."""
        if new := [info for info in self._with_runs() if info.slug not in self._compared]:
            self._compared |= {info.slug for info in new}
            self._read_kept([(info, self._runs_of(info)) for info in new])
        elif not self._resting and self._next() is not None:
            self._resting = True
            self.set_timer(REST, self._rested)

    def _with_runs(self) -> Iterator[ExperimentInfo]:
        return (i for i in self.in_view() if self._counts.get(i.slug) and not i.unread)

    def _runs_of(self, info: ExperimentInfo) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(self._counts[info.slug].items()))

    @loads("kept headlines", then="_keep_known")
    def _read_kept(
        self, wanted: list[tuple[ExperimentInfo, object]]
    ) -> tuple[list[tuple[ExperimentInfo, object]], dict[str, Headline | None]]:
        folders = [(info.slug, info.path) for info, _ in wanted]
        return wanted, services.headlines_file.current(self.home, folders)

    def _keep_known(
        self, read: tuple[list[tuple[ExperimentInfo, object]], dict[str, Headline | None]]
    ) -> None:
        wanted, known = read
        for info, _ in wanted:
            if info.slug not in known:
                self._asked.pop(info.slug, None)
        self._show([(*of, 0.0, known[of[0].slug]) for of in wanted if of[0].slug in known])

    def _rested(self) -> None:
        self._resting = False
        info = self._next()
        if info is None or not self.in_front:
            return
        if self.loading_any:
            self.want_headlines()
        else:
            self._read_headline(info, self._runs_of(info))

    def _next(self) -> ExperimentInfo | None:
        """The first in view whose headline is not known as its runs are now."""
        now = time.monotonic()
        for info in self._with_runs():
            of, until = self._asked.get(info.slug, (None, now))
            at_work = any(self._counts[info.slug][live] for live in state.experiments.LIVE)
            if of != (info, self._runs_of(info)) or (at_work and until <= now):
                return info
        return None

    @loads("headline", then="_keep_headline")
    def _read_headline(self, info: ExperimentInfo, counts: object) -> Read | ExperimentInfo:
        began = time.monotonic()
        try:
            read = services.headline.headline(self.home, info)
        except BusyError:
            return info
        return info, counts, time.monotonic() - began, read

    def _keep_headline(self, read: Read | ExperimentInfo) -> None:
        if isinstance(read, tuple):
            self._show([read])
        else:
            self._headlines.pop(read.slug, None)  # what it was is not what it is
            self._sentences.pop(read.slug, None)
            self.headlines_changed({read.slug})

    def _show(self, several: Sequence[Read]) -> None:
        for info, counts, took, headline in several:
            self._asked[info.slug] = (info, counts), time.monotonic() + max(SHARE * took, LEAST)
            if headline is not None:
                style = self.arm_colours(info.slug)[headline.arm]
                self._headlines[info.slug] = state.headlines.cells(headline, style)
                self._sentences[info.slug] = state.headlines.sentence(headline, style)
            else:
                self._headlines.pop(info.slug, None)
                self._sentences.pop(info.slug, None)
        if several:
            self.headlines_changed({read[0].slug for read in several})
        self.want_headlines()
