"""Whether a query only reads: DuckDB's own parser says so, not words of the text.

Promises: one statement at a time; what is let through is a SELECT of any spelling (FROM first,
VALUES, TABLE, DESCRIBE, SHOW, SUMMARIZE, PIVOT, UNPIVOT) or an EXPLAIN; everything else gets one
message.
"""

from __future__ import annotations

import itertools

import duckdb

from store.sql.mistakes import QueryError, in_words

READS = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.RELATION,
)
ALLOWED = (
    "The console only reads: SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, PIVOT, "
    "UNPIVOT and EXPLAIN"
)


def check_reads(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse what is not one statement that reads.

    Raises:
        QueryError: it cannot be parsed, is several statements or none, or may change something.
    """
    with in_words(query):
        statements = con.extract_statements(query)
    if not statements:
        raise QueryError("There is no statement to run.")
    if len(statements) > 1:
        raise QueryError(f"One statement at a time, please; these are {len(statements)}.")
    kind = statements[0].type
    if kind in READS or (kind == duckdb.StatementType.MULTI and _pivots(con, query)):
        return
    name = "Writing a PIVOT" if kind == duckdb.StatementType.MULTI else kind.name.replace("_", " ")
    raise QueryError(f"{ALLOWED}. {name} is refused.")


def _pivots(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether a query that DuckDB takes for several is a PIVOT, which finds its columns first.

    So are a COPY, CREATE or INSERT of one. Only what reads can stand in the place of a table.
    """
    try:
        statements = con.extract_statements(f"from (\n{_inner(query)}\n)")
    except duckdb.Error:
        return False
    return len(statements) == 1 and statements[0].type == duckdb.StatementType.MULTI


def _inner(query: str) -> str:
    """The query without EXPLAIN or EXPLAIN ANALYZE before it and the semicolon after it."""
    data = query.encode("utf-8", "replace")  # places are counted in bytes
    starts = [place for place, kind in duckdb.tokenize(query) if kind != duckdb.token_type.comment]
    words = [data[start:end].strip() for start, end in itertools.pairwise([*starts, len(data)])]
    skipped = 0
    for skipped_word in (b"explain", b"analyze"):
        if words[skipped].lower() != skipped_word:
            break
        skipped += 1
    ends = [start for start, word in zip(starts, words, strict=True) if word.startswith(b";")]
    return data[starts[skipped] : ends[0] if ends else len(data)].decode("utf-8", "replace")
