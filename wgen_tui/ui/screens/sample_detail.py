"""The sample under the cursor in full; its tokens' log-probabilities as shades, or as numbers.

Promises: a sample that is read again stays where its reader is; tokens are read only while they are
shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wgen_tui.ui import services
from wgen_tui.ui.screens.sample_notes import SampleNotesScreen
from wgen_tui.ui.state import samples as state
from wgen_tui.ui.state.answers import folds, matches, tokens
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from store.samples.rows import SampleDetail, SampleRow
    from wgen_tui.services.models.sample_tokens import DrawnToken

SAID = {
    "shades": "Unlikely tokens are underlined, bold, reversed.",
    "numbers": "Each token with its probability.",
    "": "Log-probabilities are hidden.",
}


class Shown(NamedTuple):
    """A row of the list, its sample (its first), and the tokens where they are shown."""

    row: SampleRow
    sample: SampleDetail
    tokens: list[DrawnToken] | None


class SampleDetailScreen(SampleNotesScreen):
    """A list of samples, and one of them in full."""

    def __init__(self) -> None:
        super().__init__()
        self._mode: tokens.Mode = ""
        self._detail_of: SampleRow | None = None  # the row that it was read for
        self.several: tuple[str, ...] = ()  # of experiment and model, those the list has several of

    @property
    def patterns(self) -> list[re.Pattern[str]]:
        """What the filter asks the completion for."""
        return matches.patterns_of(self._fields.get("text"))

    def load_detail(self, *, again: bool = False) -> None:
        """Read the sample under the cursor, unless it is shown as it is."""
        row: SampleRow | None = self._table.current
        if row is None or (
            not again and self._detail is not None and row in (self._detail.row, self._detail_of)
        ):
            return
        self._read_detail(row, bool(self._mode))

    @loads("detail", then="_show_detail")
    def _read_detail(self, row: SampleRow, with_tokens: bool) -> Shown:
        sample = services.samples.detail(self.home, row.sample_id)
        drawn = (
            services.sample_tokens.drawn_tokens(self.home, row.sample_id) if with_tokens else None
        )
        return Shown(row, sample, drawn)

    def _show_detail(self, read: Shown) -> None:
        before, self._detail, self._detail_of = self._detail, read.sample, read.row
        same = before is not None and before.row.sample_id == read.sample.row.sample_id
        said = None if read.tokens is None else tokens.shown(read.tokens, self._mode)
        of = folds.sentence(read.row)
        text = state.detail(read.sample, said, self.patterns, self.several, of)
        self.query_one("#detail", TextPane).show(text, keep_place=same)

    def action_logprobs(self) -> None:
        self._mode = tokens.NEXT[self._mode]
        self.notify_plain(SAID[self._mode], "Log-probabilities")
        self.load_detail(again=True)
