"""Writes docs/sql.md from the views' own comments: `python -m store.docs [--check]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from store.connect import read
from store.console import TableInfo, comment_views, describe
from store.layout import StoreFiles

TARGET = Path(__file__).parents[1] / "docs" / "sql.md"
HEAD = """\
# SQL

Written from `store/views.sql` by `python -m store.docs`; do not edit.

`wgen-tui sql QUERY` (or the SQL screen, key `6`) sees every row that is on disk, also of runs that
are still writing. A stock client sees what has been ingested, seconds behind:

```
duckdb -readonly ~/.local/share/wgen-tui/wgen.duckdb
```

It needs DuckDB 2.0 or newer, and must open read-only: one that opens for writing keeps ingest out
(never the workers) until it leaves. The console reads only: no files, no settings, one statement
at a time: SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, PIVOT, UNPIVOT or EXPLAIN.

On the screen, `e` edits (`tab` completes tables, columns and functions), `ctrl+j` runs the query or
what is selected of it, `esc` cancels it; a mistake is marked in the text, and `ctrl+y` puts the
nearest name there. `<` `>` show other columns, `enter` a row as a list of names and whole values,
`o` its sample; `X` writes all rows to a file. `s` offers queries to begin with (also `sql --saved
NAME`), `ctrl+r` those that were run before, `ctrl+n` another one beside; `d` shows the views below.

```sql
-- the share of 19th-century answers, by arm and seed
select arm, seed, avg((labels['era'] = '19th_century')::int) as rate, count(*) as n
from samples_wide where experiment = 'tiny-old-bird-names' group by all order by all;

-- the samples behind a number
select sample_id, completion from samples_wide
where arm = 'old_birds' and question = 'travel' and labels['era'] = '19th_century';
```
"""


def render(tables: list[TableInfo]) -> str:
    """The page."""
    parts = [HEAD]
    for table in tables:
        parts.append(f"\n## {table.name}\n{table.comment}\n\n| column | type | |\n|---|---|---|\n")
        parts += [f"| {name} | {kind} | {comment} |\n" for name, kind, comment in table.columns]
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is up to date."""
    with tempfile.TemporaryDirectory() as folder, read(StoreFiles(Path(folder))) as con:
        comment_views(con)
        text = render(describe(con))
    if "--check" in arguments:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
