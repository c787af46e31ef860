"""Screen 6: ask the store anything; read-only, cancellable, exportable.

Promises: rows are those of the last run of the query above them; where that failed, was cancelled
or takes its time, there are none. A mistake stays below the editor, marked in the text, until the
next run; no key waits for the database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from store.cancel import Cancel
from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.actions import Action
from wgen_tui.ui.screens.sql_export import ExportActions
from wgen_tui.ui.screens.sql_queries import QueryActions
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.state.sql import console as state
from wgen_tui.ui.state.sql import schema_tree
from wgen_tui.ui.state.sql.query_buffers import Mistake, QueryBuffer
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.panels import panel, set_title
from wgen_tui.ui.widgets.result_table import ResultTable
from wgen_tui.ui.widgets.sql_editor import EDITOR_KEYS, Completions, SqlEditor
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.services.data.sql import Catalogue

EMPTY = "No query run yet.\n\nctrl+j runs the query, e edits it, s offers some to begin with."
NOTHING = "No rows."
FAILED = "No rows: the query failed."
CANCELLED = "No rows: the query was cancelled."
RUNNING = "The query runs; esc cancels it."
LET_GO = "Its rows were let go for those of other queries; ctrl+j runs it again."
ANOTHER = "Cancelled: another query was run."
SLOW = 0.3  # seconds a run may take before the rows of the one before it go: no flicker before


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run, from a place of a text on: a result, or an error."""

    buffer: QueryBuffer
    run: str
    start: tuple[int, int]
    text: str
    shown: state.Measured | None
    error: WgenError | None
    history: list[str] | None


class SqlScreen(QueryActions, ExportActions):
    """Editor, mistake, result, schema."""

    SCOPE = "sql"
    ENTER: ClassVar = {"grid": "row", "schema": "unfold"}
    DIVIDED = "above"
    AUTO_FOCUS = "#grid"  # not the editor: on every screen digits, ? and q mean the same

    def __init__(self) -> None:
        super().__init__()
        self._under_way: tuple[QueryBuffer, Cancel] | None = None
        self._catalogue: Catalogue | None = None
        self._unfolded: set[str] = set()
        self._heads_its_own = True

    def compose_content(self) -> ComposeResult:
        with Container(id="above"):
            yield panel(SqlEditor(self._queries.current.text, id="editor"))
            with Container(id="names"):
                yield panel(
                    VirtualTable(
                        schema_tree.COLUMNS, schema_tree.cells, empty="reading…", id="schema"
                    ),
                    "views",
                )
                yield Static("", id="meaning", markup=False)
        yield Static("", id="mistake", markup=False)
        yield panel(ResultTable(empty=EMPTY, arm_colour=self._arm_colour, id="grid"))
        yield Completions()

    def on_mount(self) -> None:
        self._read_names()
        self._editor.show_cursor_at(None)
        self._show_query()

    # What there is

    @loads("names", then="_show_names")
    def _read_names(self) -> tuple[Catalogue, list[str]]:
        return services.sql.catalogue(self.home), services.query_history.read(self.home)

    def _show_names(self, names: tuple[Catalogue, list[str]]) -> None:
        self._catalogue, history = names
        self._history = list(dict.fromkeys([*self._history, *history]))
        self._editor.catalogue = self._catalogue
        self._show_tree()

    def _show_tree(self) -> None:
        if self._catalogue is not None:
            lines = schema_tree.lines(self._catalogue.tables, self._unfolded)
            self._schema.show_rows(lines, [line.key for line in lines])

    # Panels

    @property
    def _schema(self) -> VirtualTable:
        return self.query_one("#schema", VirtualTable)

    def _arm_colour(self, experiment: str | None, arm: str) -> str:
        style = self.arm_colours(experiment or self.wgen.experiment).known(arm)
        return style.colour if style else ""

    def _show_query(self) -> None:
        """Show the query in hand with its rows and its mistake."""
        buffer = self._queries.current
        if self._editor.text != buffer.text:
            self._editor.load_text(buffer.text)
            self._editor.show_cursor_at(buffer.cursor)
        self._show_mistake(buffer)
        self._grid.set_empty_text(self._empty_text(buffer))
        self._grid.show_result(buffer.shown, buffer.first_column)
        self._grid.move_to(buffer.row)
        self._show_titles()

    def _empty_text(self, buffer: QueryBuffer) -> str:
        if buffer.shown is not None:
            return NOTHING
        if buffer.let_go:
            return LET_GO
        if self._is_running(buffer):
            return RUNNING
        if buffer.mistake is not None:
            return CANCELLED if buffer.mistake.cancelled else FAILED
        return EMPTY

    def _is_running(self, buffer: QueryBuffer) -> bool:
        return self._under_way is not None and self._under_way[0] is buffer

    def _show_mistake(self, buffer: QueryBuffer) -> None:
        mistake = buffer.mistake
        line = self.query_one("#mistake", Static)
        line.display = mistake is not None
        line.update(Text(printable(mistake.text) if mistake else ""))
        place = mistake.place if mistake else None
        self._editor.mark(mistake.text_of if mistake else "", place)

    def _show_titles(self) -> None:
        buffer = self._queries.current
        self._heads_its_own = buffer.is_of(self._editor.text)
        title = buffer.result_title(self._editor.text)
        title = "running… esc cancels" if self._is_running(buffer) else title
        parts = [title, self._grid.which_columns]
        if self._grid.marked:
            parts.append(f"{len(self._grid.marked)} marked")
        set_title(self._editor, self._queries.title)
        set_title(self._grid, " · ".join(part for part in parts if part))

    def on_result_table_sideways(self) -> None:
        self._queries.current.first_column = self._grid.first_column
        self._show_titles()

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        """Show in full what the tree had to cut."""
        line = message.table.current
        if message.table is self._schema and isinstance(line, schema_tree.Name):
            self.query_one("#meaning", Static).update(Text(schema_tree.describe(line)))

    def on_text_area_changed(self) -> None:
        """Rows are of the text that was run: once it is another, their heading says so."""
        if self._queries.current.is_of(self._editor.text) != self._heads_its_own:
            self._show_titles()

    # Running

    def set_query(self, sql: str) -> None:
        """Put a query into the editor, to be run or changed; one that was changed stays."""
        if not self.is_mounted:
            self._queries.current.text = sql
            return
        self._put(sql)

    def action_run(self) -> None:
        """Run the query, or the part of it that is selected."""
        editor = self._editor
        editor.close_offers()
        selected = bool(editor.selected_text.strip())
        text = editor.selected_text if selected else editor.text
        if not text.strip():
            self.notify_plain("There is nothing to run: e writes a query, s offers some.", "SQL")
            return
        self._keep_text()
        self._cancel_query(ANOTHER)
        buffer = self._queries.current
        buffer.mistake = None
        # Made here, so that esc can cancel a query whose thread has not begun.
        cancel = Cancel()
        self._under_way = buffer, cancel
        self._show_query()
        self.set_timer(SLOW, lambda: self._drop_rows_of_slow(buffer, cancel))
        start = min(editor.selection) if selected else (0, 0)
        self._run(buffer, text, start, buffer.text, cancel)

    def _drop_rows_of_slow(self, buffer: QueryBuffer, cancel: Cancel) -> None:
        """Take the rows of the run before away, if this one has not ended yet."""
        if self._under_way != (buffer, cancel) or buffer.shown is None:
            return
        self._queries.drop_rows(buffer)
        if buffer is self._queries.current:
            self._show_query()

    @loads("query", then="_ended")
    def _run(
        self, buffer: QueryBuffer, run: str, start: tuple[int, int], text: str, cancel: Cancel
    ) -> Outcome:
        history, shown, error = None, None, None
        try:
            history = services.query_history.add(self.home, run)
        except OSError as problem:  # a full disk keeps nobody from reading
            self.log.error(repr(problem))
        try:
            shown = state.measured(services.sql.query(self.home, run, cancel=cancel))
        except WgenError as problem:
            error = problem
        return Outcome(buffer, run, start, text, shown, error, history)

    def _ended(self, outcome: Outcome) -> None:
        """Show what came of a run, in the query that it belongs to."""
        self._under_way = None
        buffer = outcome.buffer
        if outcome.history is None:
            self._remember(outcome.run)
        else:
            self._history = list(dict.fromkeys([*outcome.history, *self._history]))
        if outcome.shown is not None:
            self._queries.keep(buffer, outcome.shown, outcome.run, outcome.text)
            self.notify_plain(f"{plural(len(outcome.shown.rows), 'row')}.", "Ran")
        elif outcome.error is not None:
            self._queries.drop_rows(buffer)
            buffer.mistake = Mistake.of(outcome.error, outcome.text, outcome.start)
            self.notify_plain("Why stands below the query.", "Failed")
        if buffer is self._queries.current:
            self._show_query()

    def _cancel_query(self, why: str = "Cancelled.") -> bool:
        """Cancel the running query; whether there was one."""
        if self._under_way is None:
            return False
        buffer, cancel = self._under_way
        self._under_way = None
        cancel.stop()
        self.discard_load("query")
        self._queries.drop_rows(buffer)
        buffer.mistake = Mistake(why, cancelled=True)
        if buffer is self._queries.current:
            self._show_query()
        return True

    def _stop(self, buffer: QueryBuffer) -> None:
        if self._is_running(buffer):
            self._cancel_query()

    # Keys

    def writing_keys(self, panel: str) -> list[Action] | None:
        """In the editor, what runs the query, the editor's own, and what works there too."""
        if panel != "editor":
            return None
        known = {action.id: action for action in self.wgen.keymap.of_scope(self.SCOPE)}
        others = [known["history"], known["new"], replace(known["turn(1)"], footer=True)]
        return [known["run"], *EDITOR_KEYS, *others]

    def extra_help(self) -> list[tuple[str, list[Action]]]:
        """The editor's own keys."""
        return [("In the editor", EDITOR_KEYS)]

    def action_back(self) -> None:
        """Cancel what runs, else leave the editor, else the names."""
        if not (self._cancel_query() or self._cancel_export()):
            self.set_focus(self._grid)
            self._show_names_panel(False)

    def on_sql_editor_left(self) -> None:
        self.action_back()

    def action_edit(self) -> None:
        self.set_focus(self._editor)

    def action_take(self) -> None:
        """Put the nearest name in the place of the mistake; in the editor ctrl+y else redoes."""
        mistake = self._queries.current.mistake
        editor = self._editor
        if mistake is None or mistake.place is None or not mistake.nearest:
            before = editor.text
            if editor.has_focus:
                editor.redo()
            if editor.text == before:
                also = ", and nothing can be redone" if editor.has_focus else ""
                self.notify_plain(f"No name is offered below a mistake{also}.")
            return
        if editor.text != mistake.text_of:
            self.notify_plain("The text has changed since: run it again.", "SQL")
            return
        line, column, width = mistake.place
        editor.replace(mistake.nearest, (line, column), (line, column + width))
        self._queries.current.mistake = None
        self._keep_text()
        self._show_mistake(self._queries.current)

    def action_sideways(self, by: int) -> None:
        """Show other columns of the result; in another panel, move the divider."""
        if not self._grid.has_focus:
            self.action_divide(by)
        elif self._grid.result is None:
            self.notify_plain("There is no result to move in: ctrl+j runs the query.", "SQL")
        elif not self._grid.sideways(by):
            edge = "first" if by < 0 else "last"
            self.notify_plain(f"The {edge} column is shown; enter shows a row as a list.", "SQL")

    def action_copy(self) -> None:
        """Copy the marked rows, or the row; values in the row view."""
        grid = self._grid
        if grid.result is None or grid.current is None:
            self.notify_plain("There is no row to copy.", "SQL")
            return
        text = state.as_text(grid.result, self._chosen_rows(grid.result))
        self.app.copy_to_clipboard(text)

    def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
        if message.table is self._grid:
            self._open_row()
            return
        line = message.table.current
        if isinstance(line, schema_tree.Name):
            self._unfolded ^= {line.view}
            self._show_tree()

    def _open_row(self) -> None:
        grid = self._grid
        if grid.result is not None and len(grid):
            modal = modals.RowModal(grid.result, grid.cursor, grid.move_to)
            self.app.push_screen(modal, self._open_sample)

    def _open_sample(self, sample_id: int | None) -> None:
        if sample_id is not None:
            self.wgen.show_samples({"ids": (sample_id,)}, "a row of a query")

    def action_samples(self) -> None:
        """Open the samples of the marked rows, or of the row."""
        grid = self._grid
        place = None if grid.result is None else grid.result.sample_place
        if grid.result is None or place is None or not len(grid):
            self.notify_plain("The result has no sample_id; select it too to open samples.", "SQL")
            return
        chosen = self._chosen_rows(grid.result)
        ids = dict.fromkeys(row[place] for row in chosen if row[place] is not None)
        self.wgen.show_samples({"ids": tuple(ids)}, f"{plural(len(chosen), 'row')} of a query")

    def _chosen_rows(self, result: state.Measured) -> list[tuple[object, ...]]:
        """The marked rows, or the one under the cursor."""
        grid = self._grid
        return [result.rows[index] for index in sorted(grid.marked) or [grid.cursor]]

    def action_schema(self) -> None:
        """Show the views and columns, or hide them."""
        there = not self._schema.has_focus
        self._show_names_panel(there)
        self.set_focus(self._schema if there else self._grid)

    def _show_names_panel(self, shown: bool) -> None:
        self.set_class(shown, "-names")

    def action_insert(self) -> None:
        """Write the name under the tree's cursor into the query."""
        line = self._schema.current
        if not self._schema.has_focus or not isinstance(line, schema_tree.Name):
            self.notify_plain("i writes the name under the cursor of the views: d goes there.")
            return
        self._editor.insert_name(line.name)
        self.notify_plain(f"{one_line(line.name, 40)} is in the query.", "SQL")
