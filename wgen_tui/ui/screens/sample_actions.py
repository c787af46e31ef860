"""What can be done with the samples that are listed: copy, export, read some at random.

Promises: where rows are marked, copy and export mean these and say how many; a row of folded texts
means all its samples; what was exported is said with its number and its file.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from wgen_tui.errors import UsageError
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.sample_filter import SampleFilterScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state import samples as state
from wgen_tui.ui.state.answers import folds
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from store.samples.listing import Listing
    from store.samples.rows import SampleDetail
    from wgen_tui.services.data.at_random import Drawn

FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}
AT_RANDOM = 20
MOST_MARKED = 500  # that are read again for a copy or an export


class SampleActionsScreen(SampleFilterScreen):
    """A list of samples, and what is done with them."""

    def __init__(self) -> None:
        super().__init__()
        self._listing: Listing | None = None
        self._detail: SampleDetail | None = None
        self._slice: dict[str, Any] = {}  # of which some at random are listed

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#list", VirtualTable)

    @property
    def marked(self) -> list[int]:
        """The places of the marked rows."""
        return sorted(self._table.marked)

    @property
    def folded(self) -> bool:
        """Whether a row that is listed stands for all samples that say the same."""
        return self._listing is not None and self._listing.folds

    @property
    def places(self) -> list[int]:
        """The places that a key means: those of marked rows, of folded texts the cursor's too."""
        here = [self._table.cursor] if self.folded and len(self._table) else []
        return self.marked or here

    def _too_many(self) -> bool:
        """Whether a key means more samples than are read again; says so."""
        number = 0 if self._listing is None else self._listing.samples_at(self.places)
        if number > MOST_MARKED:
            what = "samples at most: unfold (u) or filter" if self.folded else "at most, or filter"
            self.notify_plain(f"Mark {MOST_MARKED} {what}.", f"{number:,} samples", "warning")
        return number > MOST_MARKED

    def _meant_words(self) -> str:
        """The samples that a key means, with their number."""
        if self.folded and self._listing is not None:
            return folds.meant(self._listing, self.places)
        number = len(self.marked)
        return f"the {plural(number, 'marked sample')}" if number else "this sample"

    # Copy

    def action_copy(self) -> None:
        if self._listing is not None and self.places:
            if not self._too_many():
                self._read_marked(self._listing, self.places)
        elif self._detail is None:
            self.notify_plain("There is no sample under the cursor.", "Copy")
        else:
            self.app.copy_to_clipboard(state.as_text(self._detail))

    @loads("copy", then="_copy_all")
    def _read_marked(self, listing: Listing, places: list[int]) -> list[SampleDetail]:
        return services.samples.details(self.home, listing, places)

    def _copy_all(self, samples: list[SampleDetail]) -> None:
        parts = [state.as_text(item) for item in samples]
        said = plural(len(samples), "sample")
        if self.folded:  # a text once, behind its number
            texts = Counter(parts)
            said += f", {plural(len(texts), 'text')}"
            parts = [f"{plural(n, 'sample')}:\n{text}" for text, n in texts.items()]
        self.wgen.copy_text("\n\n---\n\n".join(parts), said)

    # Export

    def action_export(self) -> None:
        if not self.check_writable() or (not self.folded and self._too_many()):
            return
        if self._listing is None or not len(self._listing):
            self.notify_plain("Nothing is listed, so there is nothing to export.", "Export")
            return
        what = self._meant_words() if self.marked else "all that are listed"
        if self.folded and not self.marked:
            what = f"all {plural(self._listing.samples, 'sample')} that are listed"
        hint = Text(f"{what[0].upper()}{what[1:]}, as .csv, .json or .parquet.", "dim")
        name = f"samples-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
        self.app.push_screen(
            modals.AskModal(f"Export {what} to", str(self.home.exports / name), hint, _target),
            self._export_to,
        )

    def _export_to(self, name: str | None) -> None:
        if name is not None and self._listing is not None:
            target = self.home.exports / _target(name)
            self._export(dict(self._fields), self._listing, self.marked, target)

    @loads("export", then="_exported")
    def _export(
        self, fields: dict[str, Any], listing: Listing, places: list[int], target: Path
    ) -> str:
        if target.parent == self.home.exports:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        samples = services.samples
        if places:
            fields = {"ids": tuple(samples.ids_at(self.home, listing, places))}
        format_: Any = FORMATS[target.suffix]
        number = samples.export(self.home, samples.filter_of(fields), target, format_)
        return f"{plural(number, 'sample')} in {target}"

    def _exported(self, text: str) -> None:
        self.notify_plain(text, "Exported")

    # At random

    def action_random(self) -> None:
        fields = self._slice if set(self._fields) == {"ids"} and self._slice else self._fields
        self._draw(dict(fields), remember=not self.wgen.readonly)

    @loads("random", then="_show_drawn")
    def _draw(self, fields: dict[str, Any], remember: bool) -> tuple[dict[str, Any], Drawn]:
        among = filters.write(fields) or "all samples"
        criteria = services.samples.filter_of(fields)
        return fields, services.at_random.draw(
            self.home, criteria, among, AT_RANDOM, remember=remember
        )

    def _show_drawn(self, drawn_of: tuple[dict[str, Any], Drawn]) -> None:
        self._slice, drawn = drawn_of
        if not drawn.ids:
            self.notify_plain("Nothing is listed, so nothing can be drawn.", "At random")
            return
        again = "All had been read: from the beginning. " if drawn.again else ""
        before = f"{drawn.before:,} were read before. " if drawn.before else ""
        kept = "R draws others." if not self.wgen.readonly else "--readonly remembers none."
        self.notify_plain(
            f"{plural(len(drawn.ids), 'sample')} at random. {again}{before}{kept}", "At random"
        )
        self.change_filter({"ids": drawn.ids})


def _target(name: str) -> Path:
    """The file that a name means.

    Raises:
        UsageError: it ends in no known format.
    """
    path = Path(name.strip()).expanduser()
    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path.name or 'Nothing'} has no known format.",
            title="Export",
            hint=f"End it in {', '.join(FORMATS)}.",
        )
    return path
