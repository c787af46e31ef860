"""Screen 6: ask the store anything; read-only, cancellable, exportable."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static, TextArea

from store.cancel import Cancel
from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import console as state
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.bars import KeyBar
from wgen_tui.ui.widgets.panels import panel
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from store.console import TableInfo
    from wgen_tui.services.data.sql import QueryResult

FIRST_QUERY = "select arm, seed, count(*) as n\nfrom samples\ngroup by all\norder by all"
EMPTY = "No query run yet.\n\nctrl+j (or f5) runs the query, e edits it, tab goes to the views."
EDITING = "editing: esc leaves  ctrl+j run  ctrl+e export  ctrl+r history  f1 help"
READY = "ctrl+j runs the query, e edits it"
Format = Literal["csv", "json", "parquet"]
FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
}


class Editor(TextArea):
    """A text area that leaves esc to its screen and tab to the focus."""

    def on_focus(self) -> None:
        self.screen.query_one(KeyBar).show_text(EDITING)

    def on_blur(self) -> None:
        self.screen.query_one(KeyBar).show_text(None)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.screen.action_back()  # type: ignore[attr-defined]


class SqlScreen(BaseScreen):
    """Editor, schema, result."""

    SCOPE = "sql"
    ENTER: ClassVar = {"schema": "insert"}
    DIVIDED = "editor"
    AUTO_FOCUS = "#grid"  # not the editor: on every screen digits, ? and q mean the same

    def __init__(self) -> None:
        super().__init__()
        self._query_cancel: Cancel | None = None
        self._first_query = FIRST_QUERY
        self._history: list[str] = []

    def compose_content(self) -> ComposeResult:
        with Container(id="split"):
            with Vertical(id="work"):
                yield panel(
                    Editor(self._first_query, id="editor", tab_behavior="focus", compact=True),
                    "query",
                )
                yield Static(f" {READY}", id="status", classes="line", markup=False)
                yield panel(VirtualTable((), state.row, empty=EMPTY, id="grid"), "result")
            yield panel(
                VirtualTable(state.SCHEMA, state.name_cells, empty="reading…", id="schema"),
                "tables and views",
            )

    def on_mount(self) -> None:
        self._read_schema()

    @loads("schema", then="_show_schema")
    def _read_schema(self) -> list[TableInfo]:
        return services.sql.schema(self.home)

    def _show_schema(self, tables: list[TableInfo]) -> None:
        self.query_one("#schema", VirtualTable).show_rows(state.schema(tables))

    @property
    def _editor(self) -> Editor:
        return self.query_one("#editor", Editor)

    def set_query(self, sql: str) -> None:
        """Put a query into the editor, to be run or changed."""
        self._first_query = sql
        if self.is_mounted:
            self._editor.text = sql
            grid = self.query_one("#grid", VirtualTable)
            grid.set_empty_text(EMPTY)
            grid.show_rows([])
            grid.set_columns(())
            self._show_status(READY)

    def _show_status(self, text: str) -> None:
        line = Text(f" {printable(text)}", no_wrap=True, overflow="ellipsis")
        self.query_one("#status", Static).update(line)

    def action_run(self) -> None:
        text = self._editor.selected_text.strip() or self._editor.text.strip()
        if not text:
            return
        self._cancel_query()
        if text not in self._history[-1:]:
            self._history.append(text)
        # Made here, so that esc can cancel a query whose thread has not begun.
        cancel = self._query_cancel = Cancel()
        self._show_status("running… esc cancels")
        self._run_query(text, cancel)

    @loads("query", then="_show_result", failed="_query_failed")
    def _run_query(self, text: str, cancel: Cancel) -> QueryResult:
        return services.sql.query(self.home, text, cancel=cancel)

    def _show_result(self, result: QueryResult) -> None:
        self._query_cancel = None
        grid = self.query_one("#grid", VirtualTable)
        grid.set_columns(state.columns(result))
        grid.set_empty_text("No rows.")
        grid.show_rows(result.rows)
        self._show_status(state.summary(result))

    def _query_failed(self) -> None:
        self._query_cancel = None
        self._show_status("no result")

    def _cancel_query(self) -> bool:
        """Cancel the running query; whether there was one."""
        cancel, self._query_cancel = self._query_cancel, None
        if cancel is None:
            return False
        cancel.stop()
        return True

    def action_back(self) -> None:
        if self._cancel_query():
            return
        self.set_focus(self.query_one("#grid", VirtualTable))

    def action_edit(self) -> None:
        self.set_focus(self._editor)

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        """Show in full what the list of views had to cut."""
        line = message.table.current
        if message.table.id == "schema" and message.table.has_focus:
            description = state.describe(line) if isinstance(line, state.Name) else ""
            self._show_status(description or READY)

    def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
        line = message.table.current
        if message.table.id == "schema" and isinstance(line, state.Name):
            self._editor.insert(line.name)
            self._editor.focus()

    def action_copy(self) -> None:
        values = self.query_one("#grid", VirtualTable).current
        if isinstance(values, tuple):
            self.app.copy_to_clipboard("\t".join(state.value(item) for item in values))

    def action_history(self) -> None:
        if not self._history:
            self.notify_plain("No query in this session yet.", "History")
            return
        past = list(reversed(self._history))

        def chosen(index: int | None) -> None:
            if index is not None:
                self._editor.text = past[index]

        names = [one_line(" ".join(text.split()), 90) for text in past]
        self.app.push_screen(modals.ChooseModal("Which query?", names), chosen)

    def action_export(self) -> None:
        if not self.check_writable():
            return
        name = f"query-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
        hint = Text(
            "All rows, as .csv, .json or .parquet. A bare name goes into the home's exports.", "dim"
        )
        suggestion = str(self.home.exports / name)
        self.app.push_screen(modals.AskModal("Export to", suggestion, hint), self._export_to)

    def _export_to(self, name: str | None) -> None:
        if not name:
            return
        target = self.home.exports / Path(name).expanduser()
        format_ = FORMATS.get(target.suffix)
        if format_ is None:
            hint = "End it in .csv, .json or .parquet."
            self.show_error(
                UsageError(f"{target.name} has no known format.", title="Export", hint=hint)
            )
            return
        self._export(self._editor.text.strip(), target, format_)

    @loads("export", then="_exported")
    def _export(self, query: str, target: Path, format_: Format) -> str:
        if target.parent == self.home.exports:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rows = services.sql.export(self.home, query, target, format_)
        return f"{rows:,} rows in {target}"

    def _exported(self, text: str) -> None:
        self.notify_plain(text, "Exported")
