"""Equal texts in one row with their number, in the list of samples.

Promises: what a row counts is what enter lists; where there are too many samples to fold, the list
stays as it is, and it is said what to choose first; unfolding comes back to where one was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from store.cancel import Cancel
from wgen_tui.ui import services
from wgen_tui.ui.screens.sample_views import SampleViewsScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state.answers import folds
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from store.samples.listing import Listing
    from store.samples.rows import SampleRow

SAME = ("experiment", "model", "arm", "question", "completion")  # that a row's samples have


class SampleFoldsScreen(SampleViewsScreen):
    """A list of samples, one by one or folded."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: dict[str, Any] = {}  # the fields of what is listed
        self._unfolded: tuple[dict[str, Any], int] = ({}, 0)  # what was folded, and its cursor

    # What the subclass has

    def show_listing(self, listing: Listing) -> None:
        """List it."""
        raise NotImplementedError

    def show_filter(self, status: str = "") -> None:
        """Write the line above the list."""
        raise NotImplementedError

    # Folding

    def enter_label(self, panel: str) -> str | None:
        return "its samples" if self.folded and panel == "list" else super().enter_label(panel)

    @loads("search", then="show_listing", failed="_not_folded")
    def fold(self, fields: dict[str, Any], cancel: Cancel) -> Listing:
        """The texts that the filter lets through."""
        samples = services.samples
        return samples.folded(self.home, samples.filter_of(fields), cancel=cancel)

    def _not_folded(self) -> None:
        """List one by one; why, has been said."""
        self.folds = False
        if self._listing is not None and self._listed == self._fields:
            self.show_filter()
        else:
            self.reload()

    def action_fold(self) -> None:
        """Fold equal texts into one row each, or list all samples again."""
        if self._listing is None or not len(self._listing):
            self.notify_plain("Nothing is listed, so there is nothing to fold.", "Fold")
            return
        self.folds = not self.folds
        if self.folds:
            self._unfolded = (dict(self._fields), self._table.cursor)
        elif self._unfolded[0] == self._fields:
            self.return_to = self._unfolded[1]
        self.reload()

    def action_open_fold(self) -> None:
        """List the samples of the row under the cursor."""
        row: SampleRow | None = self._table.current
        if row is None or not self.folded:
            self.notify_plain("Each row is one sample: u folds those that say the same.", "Fold")
            return
        fields = dict(self._fields)
        for name in SAME:
            fields = filters.with_values(fields, name, [getattr(row, name)])
        self.narrow(fields, f"{folds.samples_of(row):,} that say this")
