"""`wgen-tui sql`: one query over everything there is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click

from wgen_tui.cli.options import form_of, output_option
from wgen_tui.cli.output import emit_json, json_option, pass_home, say, table
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home


@click.command()
@click.argument("query", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the query from this file.",
)
@click.option("--saved", "saved", metavar="NAME", help="Run a query that comes along, by name.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
)
@output_option
@click.option(
    "--limit", type=click.IntRange(1), default=200, show_default=True, help="Most rows of a table."
)
@click.option("--schema", "show_schema", is_flag=True, help="Print the views and their columns.")
@json_option
@pass_home
def command(
    home: Home,
    query: str | None,
    file: Path | None,
    saved: str | None,
    form: str,
    output: Path | None,
    limit: int,
    show_schema: bool,
    as_json: bool,
) -> None:
    """Query runs, samples, grades and metrics in SQL.

    QUERY is one read-only statement, or - for stdin. csv, json and parquet contain every row.
    """
    from wgen_tui.services.data import sql

    if show_schema:
        _schema(home, as_json)
        return
    text = _text(query, file, saved)
    if output is not None:
        asked = "json" if as_json else None if form == "table" else form
        form = form_of(output, asked, "csv")
    if as_json or form != "table":
        chosen = cast("sql.Format", "json" if as_json else form)
        number = sql.export(home, text, output, chosen)
        if output is not None:
            say(f"Wrote {_rows(number)} to {output}.")
        return
    result = sql.query(home, text, limit=limit)
    table(result.columns, result.rows)
    first = "the first " if result.truncated else ""
    say(f"{first}{_rows(len(result.rows))}, {result.seconds:.2f} s")


def _rows(number: int) -> str:
    return f"{number:,} row" + ("" if number == 1 else "s")


def _text(query: str | None, file: Path | None, saved: str | None) -> str:
    if sum(given is not None for given in (query, file, saved)) != 1:
        raise UsageError(
            "Give a query, or --file FILE, or --saved NAME, or - for stdin.",
            title="No query",
            hint='wgen-tui sql "select arm, count(*) from samples group by all"',
        )
    if saved is not None:
        return _saved(saved)
    if file is not None:
        return file.read_text(encoding="utf-8")
    return sys.stdin.read() if query == "-" else str(query)


def _saved(name: str) -> str:
    from store.sql.saved import saved_queries
    from wgen_tui.services.suggest import unknown

    queries = {query.name: query.sql for query in saved_queries()}
    if name not in queries:
        raise unknown("saved query", name, queries)
    return queries[name]


def _schema(home: Home, as_json: bool) -> None:
    from wgen_tui.services.data import sql

    views = sql.schema(home)
    if as_json:
        from wgen_tui.cli.shapes.store import View, ViewColumn, Views

        shown = [
            View(
                name=view.name,
                comment=view.comment,
                columns=[
                    ViewColumn(name=name, type=kind, comment=why)
                    for name, kind, why in view.columns
                ],
            )
            for view in views
        ]
        emit_json(Views(views=shown))
        return
    table(
        ("view", "column", "type", "meaning"),
        [(view.name, *column) for view in views for column in view.columns],
    )
