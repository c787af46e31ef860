"""SQL that people write, over everything there is, read-only.

Promises: the connection has no access to files, network or settings, and what it reads it cannot
change; a query can be cancelled (`store.cancel`); rows are streamed, so that a large result need
not fit in memory.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

import duckdb

from store.cancel import Cancel
from store.connect import READ_PATIENCE, read
from store.layout import StoreFiles
from store.migrate import view_comments
from store.sql.mistakes import TOO_MUCH, QueryError, in_words
from store.sql.process_memory import bounded
from store.sql.reading import check_reads

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Console",
    "QueryError",
    "Result",
    "Rows",
    "TableInfo",
    "comment_views",
    "console",
    "describe",
    "write_csv",
    "write_json",
    "write_parquet",
]

FETCH = 1000  # rows at a time
MEMORY = "2GB"


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A view and its columns: (name, type, comment)."""

    name: str
    comment: str
    columns: list[tuple[str, str, str]]


class Result:
    """A running query: its columns are known, its rows come as they are asked for."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sql: str) -> None:
        self._con = con
        self._sql = sql
        described = con.description or []
        self.columns = [str(item[0]) for item in described]
        self.types = [str(item[1]) for item in described]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Every row.

        Raises:
            Cancelled: the query was cancelled meanwhile.
            QueryError: it failed half way (a cast, memory).
        """
        while True:
            with in_words(self._sql):
                batch = self._con.fetchmany(FETCH)
            if not batch:
                return
            yield from batch


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that come from elsewhere, to be written like a result."""

    columns: list[str]
    types: list[str]
    iterator: Iterator[tuple[Any, ...]]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Every row, once."""
        return self.iterator


class Console:
    """A locked connection, for one query at a time."""

    def __init__(self, con: duckdb.DuckDBPyConnection, cancel: Cancel) -> None:
        self._con = con
        self._cancel = cancel

    def run(self, sql: str, parameters: Any = None) -> Result:
        """Start a query.

        Raises:
            QueryError: it is not one statement that reads, or DuckDB refuses it.
            Cancelled: it was cancelled.
        """
        check_reads(self._con, sql)
        self._cancel.check()
        with in_words(sql):
            self._con.execute(sql, parameters or [])
        return Result(self._con, sql)

    def arrow(self, sql: str, parameters: Any = None) -> pa.RecordBatchReader:
        """Like `run`, with the rows as Arrow batches."""
        check_reads(self._con, sql)
        self._cancel.check()
        with in_words(sql):
            return self._con.sql(sql, params=parameters or []).to_arrow_reader(FETCH * 100)

    def tables(self) -> list[TableInfo]:
        """The views and their columns, with what views.sql says of them."""
        return describe(self._con)

    def functions(self) -> list[str]:
        """The names of all functions that a query can call, operators left out."""
        return functions(self._con)

    def words(self) -> list[str]:
        """The words of SQL itself."""
        rows = self._con.execute("select keyword_name from duckdb_keywords() order by 1").fetchall()
        return [word for (word,) in rows]


@contextmanager
def console(
    files: StoreFiles, cancel: Cancel | None = None, patience: float = READ_PATIENCE
) -> Iterator[Console]:
    """A console over all rows on disk at this moment; `cancel` stops what it reads.

    Raises:
        StoreBusy: another program holds the database.
        Cancelled: it was cancelled.
        KeyboardInterrupt: by Ctrl+C.
        QueryError: what it reads is larger than the memory that a query may take.
    """
    cancel = cancel or Cancel()
    with bounded(), read(files, patience) as con, cancel.watching(con):
        comment_views(con)
        con.execute(f"set memory_limit = '{MEMORY}'")
        con.execute("set temp_directory = ''")
        con.execute("set errors_as_json = true")  # they say where the mistake is
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        try:
            yield Console(con, cancel)
        except MemoryError as error:  # a value that DuckDB had room for, and nobody else has
            raise QueryError(TOO_MUCH) from error


def comment_views(con: duckdb.DuckDBPyConnection) -> None:
    """Give a reader's views the comments of views.sql; those of the database itself have them."""
    if con.execute("select current_database()").fetchall() == [("home",)]:
        return
    for statement in view_comments():
        con.execute(statement)


def describe(con: duckdb.DuckDBPyConnection) -> list[TableInfo]:
    """The views of a connection that has their comments."""
    views = con.execute(
        "select view_name, coalesce(comment, '') from duckdb_views() "
        "where not internal and comment is not null and database_name = current_database() "
        "order by 1"
    ).fetchall()
    rows = con.execute(
        "select table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where not internal and database_name = current_database() "
        "order by table_name, column_index"
    ).fetchall()
    return [
        TableInfo(name, comment, [(c, t, why) for table, c, t, why in rows if table == name])
        for name, comment in views
    ]


def functions(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The functions that a query can call, without operators, pragmas and what is internal."""
    rows = con.execute(
        "select distinct function_name from duckdb_functions() "
        "where function_type <> 'pragma' and regexp_matches(function_name, '^[a-z][a-z0-9_]*$') "
        "order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return str(value)


def write_csv(result: Result, stream: TextIO) -> int:
    """Write a result as CSV (RFC 4180, LF); returns the number of rows."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(result.columns)
    number = 0
    for row in result.rows():
        cells = [plain(value) for value in row]
        writer.writerow([json.dumps(c) if isinstance(c, dict | list) else c for c in cells])
        number += 1
    return number


def write_json(result: Result | Rows, stream: TextIO) -> int:
    """Write a result as `{"schema", "columns", "types", "rows"}`; returns the number of rows.

    A `sample_id` is a text: it has 64 bits, of which JavaScript and jq keep 53.
    """
    ids = [place for place, name in enumerate(result.columns) if name == "sample_id"]
    head = {"schema": 1, "columns": result.columns, "types": result.types}
    stream.write(json.dumps(head)[:-1] + ', "rows": [')
    number = 0
    for row in result.rows():
        stream.write(",\n" if number else "\n")
        values = [plain(value) for value in row]
        for place in ids:
            values[place] = None if values[place] is None else str(values[place])
        stream.write(json.dumps(values))
        number += 1
    stream.write("\n]}\n")
    return number


def write_parquet(reader: pa.RecordBatchReader, path: str) -> int:
    """Write Arrow batches as Parquet (zstd); returns the number of rows."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - 40 MB, for the few who write Parquet

    number = 0
    with in_words(), pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            number += batch.num_rows
    return number
