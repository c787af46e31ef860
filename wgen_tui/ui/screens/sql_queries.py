"""Several queries in the editor: new ones, those before, those that come along.

Promises: nothing that was typed is lost: a text that leaves the editor is in the history.
"""

from __future__ import annotations

from store.sql.saved import FIRST, saved_queries
from wgen_tui.ui import modals
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state.sql.query_buffers import MOST, Queries, QueryBuffer
from wgen_tui.ui.state.sql.query_list import ListedQuery
from wgen_tui.ui.widgets.result_table import ResultTable
from wgen_tui.ui.widgets.sql_editor import SqlEditor


class QueryActions(BaseScreen):
    """The part of the SQL screen that knows several queries."""

    def __init__(self) -> None:
        super().__init__()
        self._queries = Queries([QueryBuffer(FIRST)])
        self._history: list[str] = []

    @property
    def _editor(self) -> SqlEditor:
        return self.query_one("#editor", SqlEditor)

    @property
    def _grid(self) -> ResultTable:
        return self.query_one("#grid", ResultTable)

    def _show_query(self) -> None:
        """Show the query in hand with its rows and its mistake."""
        raise NotImplementedError

    def _stop(self, buffer: QueryBuffer) -> None:
        """Cancel what runs of a query."""
        raise NotImplementedError

    def _put(self, sql: str) -> None:
        """Show this query: in the place of one that says nothing new, else beside it."""
        self._keep_text()
        buffer = self._queries.current
        known = buffer.text.strip() in ("", FIRST, sql.strip(), *self._history)
        if known or not self._queries.add(sql):
            self._remember(buffer.text)
            self._queries.replace(sql)
        self._show_query()

    def _remember(self, text: str) -> None:
        """Keep a text in this session's history, so that nothing typed is lost."""
        if text.strip() and text != FIRST:
            self._history = list(dict.fromkeys([text, *self._history]))

    def _keep_text(self) -> None:
        buffer = self._queries.current
        buffer.text, buffer.cursor = self._editor.text, self._editor.cursor_location
        buffer.row = self._grid.cursor

    def action_new(self) -> None:
        """Begin another query beside the others."""
        self._keep_text()
        if not self._queries.add(""):
            self.notify_plain(f"{MOST} queries are open; x closes one.", "SQL")
            return
        self._show_query()
        self.set_focus(self._editor)

    def action_turn(self, by: int) -> None:
        """Go to the next query, or the one before."""
        self._keep_text()
        if not self._queries.move(by):
            self.notify_plain("There is one query; ctrl+n begins another.", "SQL")
            return
        self._show_query()

    def action_close(self) -> None:
        """Close the query; its text is still in the history."""
        self._keep_text()
        buffer = self._queries.current
        self._stop(buffer)
        self._remember(buffer.text)
        self._queries.close()
        self._show_query()
        self.notify_plain("Closed; ctrl+r has its text.", "SQL")

    def action_history(self) -> None:
        """Choose one of the queries that were run, in this session or before."""
        if not self._history:
            self.notify_plain("No query was run here yet.", "History")
            return
        queries = [ListedQuery(" ".join(text.split()), "", text) for text in self._history]
        self.app.push_screen(modals.QueryModal("Queries that were run", queries), self._chosen)

    def action_saved(self) -> None:
        """Choose one of the queries that come along."""
        queries = [ListedQuery(query.name, query.answers, query.sql) for query in saved_queries()]
        self.app.push_screen(modals.QueryModal("Queries to begin with", queries), self._chosen)

    def _chosen(self, sql: str | None) -> None:
        if sql is not None:
            self._put(sql)
