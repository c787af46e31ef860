"""The headlines of the experiments in view, read one after the other when nobody waits.

Promises: no key reads one; what is not on the screen is not computed; one that stands is asked
again only when its runs have changed.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from wgen_tui.ui import services
from wgen_tui.ui.screens.experiment_actions import ExperimentActions
from wgen_tui.ui.state import headlines as state
from wgen_tui.ui.state.experiments import LIVE
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from rich.text import Text

    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.results.kept.headline import Headline
    from wgen_tui.ui.state.cells import Cell

REST = 0.2  # seconds before one is read, in which a person may want something else
SHARE = 10  # runs at work change it: it is read again after so many times what reading it took


class ExperimentHeadlines(ExperimentActions):
    """The part of Experiments that says what came out."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Counter[str]] = {}
        self._headlines: dict[str, tuple[Cell, ...]] = {}
        self._sentences: dict[str, Text] = {}
        self._asked: dict[str, tuple[object, float]] = {}  # of which runs, and until when it stands
        self._resting = False

    def in_view(self) -> list[ExperimentInfo]:
        """The experiments on the screen."""
        raise NotImplementedError

    def headline_changed(self, slug: str) -> None:
        """Show it."""
        raise NotImplementedError

    def want_headlines(self) -> None:
        """Read the next of those in view, after a rest."""
        if not self._resting and self._next() is not None:
            self._resting = True
            self.set_timer(REST, self._rested)

    def _rested(self) -> None:
        self._resting = False
        info = self._next()
        if info is None or not self.is_current:
            return
        if self.loading_any:
            self.want_headlines()
        else:
            self._read_headline(info, tuple(sorted(self._counts[info.slug].items())))

    def _next(self) -> ExperimentInfo | None:
        """The first in view whose headline is not known as its runs are now."""
        now = time.monotonic()
        for info in self.in_view():
            counts = self._counts.get(info.slug)
            if not counts or info.unread:
                continue
            of, until = self._asked.get(info.slug, (None, now))
            at_work = any(counts[state] for state in LIVE)
            if of != (info, tuple(sorted(counts.items()))) or (at_work and until <= now):
                return info
        return None

    @loads("headline", then="_keep_headline")
    def _read_headline(
        self, info: ExperimentInfo, counts: tuple[tuple[str, int], ...]
    ) -> tuple[ExperimentInfo, object, float, Headline | None]:
        began = time.monotonic()
        read = services.headline.headline(self.home, info)
        return info, counts, time.monotonic() - began, read

    def _keep_headline(self, read: tuple[ExperimentInfo, object, float, Headline | None]) -> None:
        info, counts, took, headline = read
        self._asked[info.slug] = (info, counts), time.monotonic() + SHARE * took
        if headline is not None:
            style = self.arm_colours(info.slug)[headline.arm]
            self._headlines[info.slug] = state.cells(headline, style)
            self._sentences[info.slug] = state.sentence(headline, style)
        else:
            self._headlines.pop(info.slug, None)
            self._sentences.pop(info.slug, None)
        self.headline_changed(info.slug)
        self.want_headlines()
