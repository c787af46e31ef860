"""SQL that people write: run, cancel, export, and what can be queried."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.suggest import nearest
from store.cancel import Cancel, Cancelled
from store.console import (
    Console,
    QueryError,
    TableInfo,
    console,
    write_csv,
    write_json,
    write_parquet,
)
from store.sql import mistakes
from wgen_tui.errors import UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import files_of, store_errors
from wgen_tui.terminal_text import standard_output

Format = Literal["csv", "json", "parquet"]
HINT = "Views and columns: wgen-tui sql --schema, or docs/sql.md."


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The first rows of a query.

    Attributes:
        truncated: Whether there were more than `limit`.
        seconds: From the start to the last row fetched.
    """

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    seconds: float


class QueryMistake(UsageError):
    """A query that is wrong or may not run.

    Attributes:
        what: What is wrong, without the place.
        place: Where in the query, if DuckDB says.
        nearest: What could stand there instead; empty when nothing is near.
    """

    def __init__(self, error: QueryError, near: str) -> None:
        hint = f"Did you mean {near}?" if near else HINT
        super().__init__(str(error), title="SQL", hint=hint)
        self.what = error.what
        self.place = error.place
        self.nearest = near


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a query can be written with: views and their columns, functions, words of SQL."""

    tables: list[TableInfo]
    functions: list[str]
    words: list[str]


@contextmanager
def _console(home: Home, cancel: Cancel | None) -> Iterator[Console]:
    try:
        with store_errors(), console(files_of(home), cancel) as con:
            try:
                yield con
            except QueryError as error:
                raise QueryMistake(error, _nearest(con, error)) from error
    except Cancelled as error:
        raise WgenError(str(error), title="Cancelled") from error


def _nearest(con: Console, error: QueryError) -> str:
    """The name most like the one that is not known."""
    tables = con.tables()
    known: list[str] = list(error.candidates)
    match error.kind:
        case mistakes.TABLE:
            known = [table.name for table in tables]  # DuckDB's candidates are its own tables too
        case mistakes.COLUMN:
            known = known or sorted({name for table in tables for name, _, _ in table.columns})
        case mistakes.FUNCTION:
            known += con.functions()
        case mistakes.WORD:
            known += con.words()
    near = nearest(error.word.lower(), known) or ""
    return "" if near == error.word else near


def query(
    home: Home,
    sql: str,
    *,
    limit: int = 10_000,
    parameters: Sequence[Any] = (),
    cancel: Cancel | None = None,
) -> QueryResult:
    """Run a query and return its first `limit` rows.

    Raises:
        QueryMistake: the SQL is wrong or does more than read.
        BusyError: another program holds the database.
        WgenError: the query was cancelled.
    """
    started = time.monotonic()
    with _console(home, cancel) as con:
        result = con.run(sql, list(parameters))
        rows: list[tuple[Any, ...]] = []
        truncated = False
        for row in result.rows():
            if len(rows) == limit:
                truncated = True
                break
            rows.append(row)
        seconds = time.monotonic() - started
        return QueryResult(result.columns, result.types, rows, truncated, seconds)


def export(
    home: Home,
    sql: str,
    target: Path | None,
    format: Format,  # noqa: A002
    cancel: Cancel | None = None,
    parameters: Sequence[Any] = (),
) -> int:
    """Write every row of a query to a file, or to stdout when `target` is None.

    A file is complete or absent.

    Returns:
        The number of rows.

    Raises:
        UsageError: as for `query`; or Parquet to stdout; or the file cannot be written.
    """
    refuse_parquet_to_terminal(target, format)
    with _console(home, cancel) as con:
        if target is None:
            write = write_csv if format == "csv" else write_json
            return write(con.run(sql, list(parameters)), standard_output())
        with whole_file(target) as temporary:
            return _write(con, sql, parameters, temporary, format)


def refuse_parquet_to_terminal(target: Path | None, format: Format) -> None:  # noqa: A002
    """Refuse Parquet without a file.

    Raises:
        UsageError: that is what was asked for.
    """
    if target is None and format == "parquet":
        raise UsageError(
            "Parquet cannot be written to a terminal.", title="No file", hint="--output FILE"
        )


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes `target` once all is written.

    A link stays one: what it leads to is written. A FIFO or a device (`>(gzip > x)`, /dev/stdout)
    is written into, since a file in its place would be something else.

    Raises:
        UsageError: the file cannot be written.
    """
    if _is_special(target):
        try:
            yield target
        except OSError as error:
            raise _unwritable(target, error) from error
        return
    given, target = target, Path(os.path.realpath(target))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(given, error) from error
    finally:
        with suppress(OSError):  # where it could not be made it cannot be removed
            temporary.unlink(missing_ok=True)


def _is_special(target: Path) -> bool:
    """Whether something that is no plain file stands there."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _unwritable(target: Path, error: OSError) -> UsageError:
    why = error.strerror or error
    return UsageError(f"{target} cannot be written: {why}.", title="Export")


def _write(
    con: Console,
    sql: str,
    parameters: Sequence[Any],
    path: Path,
    format: Format,  # noqa: A002
) -> int:
    if format == "parquet":
        return write_parquet(con.arrow(sql, list(parameters)), str(path))
    write = write_csv if format == "csv" else write_json
    result = con.run(sql, list(parameters))
    with path.open("w", encoding="utf-8", newline="") as stream:
        return write(result, stream)


def schema(home: Home) -> list[TableInfo]:
    """What can be queried: the views, their columns, and what each means."""
    with _console(home, None) as con:
        return con.tables()


def catalogue(home: Home) -> Catalogue:
    """What a query can be written with."""
    with _console(home, None) as con:
        return Catalogue(con.tables(), con.functions(), con.words())
