"""Writing the rows of a query to a file, from the SQL screen.

Promises: every row is written, not those shown; a file that is there already is not written over;
esc stops it, and then there is no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from store.cancel import Cancel
from wgen_tui.errors import UsageError
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from wgen_tui.ui.state.sql.query_buffers import Queries

Format = Literal["csv", "json", "parquet"]
FORMATS: dict[str, Format] = {".csv": "csv", ".json": "json", ".parquet": "parquet"}
HINT = "All rows, as .csv, .json or .parquet. A bare name goes into the home's exports."


@dataclass(frozen=True, slots=True)
class Export:
    """What was written where; no rows where a file stands already."""

    query: str
    target: Path
    rows: int | None


def checked_format(name: str) -> Format:
    """The format that a file's name asks for.

    Raises:
        UsageError: it asks for none.
    """
    format_ = FORMATS.get(Path(name).suffix)
    if format_ is None:
        raise UsageError(
            f"{Path(name).name} has no known format.", hint="End it in .csv, .json or .parquet."
        )
    return format_


class ExportActions(BaseScreen):
    """The part of the SQL screen that exports."""

    _queries: Queries  # of `QueryActions`

    def __init__(self) -> None:
        super().__init__()
        self._export_cancel: Cancel | None = None

    def action_export(self) -> None:
        """Ask where to, and write all rows of the query whose rows are shown."""
        if not self.check_writable():
            return
        buffer = self._queries.current
        if buffer.shown is None:
            self.notify_plain("There is no result yet: ctrl+j runs the query.", "Export")
            return
        name = f"query-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
        self._ask(buffer.ran, str(self.home.exports / name), Text(HINT, "dim"))

    def _ask(self, query: str, value: str, hint: Text) -> None:
        def given(name: str | None) -> None:
            if name:
                cancel = self._export_cancel = Cancel()
                self.notify_plain("Writing… esc stops it.", "Export")
                target = self.home.exports / Path(name).expanduser()
                self._export(query, target, checked_format(name), cancel)

        dialog = modals.AskModal("Export to", value, hint, checked_format)
        self.app.push_screen(dialog, given)

    @loads("export", then="_exported", failed="_export_failed")
    def _export(self, query: str, target: Path, format_: Format, cancel: Cancel) -> Export:
        if target.is_file():
            return Export(query, target, None)
        if target.parent == self.home.exports:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rows = services.sql.export(self.home, query, target, format_, cancel)
        return Export(query, target, rows)

    def _exported(self, export: Export) -> None:
        self._export_cancel = None
        if export.rows is None:
            taken = f"{export.target.name} is there already: give it another name."
            self._ask(export.query, str(export.target), Text(taken, "red"))
            return
        self.notify_plain(f"{plural(export.rows, 'row')} in {export.target}", "Exported")

    def _export_failed(self) -> None:
        self._export_cancel = None

    def _cancel_export(self) -> bool:
        """Stop the export; whether there was one."""
        cancel, self._export_cancel = self._export_cancel, None
        if cancel is None:
            return False
        cancel.stop()
        return True
