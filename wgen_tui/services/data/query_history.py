"""The queries that were run from the screen, for the next session.

Promises: one JSON line for each, newest last, written at once, so that several sessions may; what
cannot be read is passed over; the file stays below a few MB; nothing is written under --readonly,
nor in a home that does not exist.
"""

from __future__ import annotations

import json
import os

from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain, parse, read_plain

KEPT = 500
LONGEST = 4_000  # bytes of a line; a longer query is not kept
TRIMMED_AT = 2 * KEPT * LONGEST


def read(home: Home) -> list[str]:
    """The last queries, each once, the newest first."""
    try:
        lines = read_plain(home.query_history).decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    texts: dict[str, None] = {}
    for line in reversed(lines):
        try:
            text = parse(line)["sql"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(text, str):
            texts.setdefault(text)
        if len(texts) == KEPT:
            break
    return list(texts)


def add(home: Home, text: str) -> list[str]:
    """Keep a query; returns the last ones as `read` does.

    Raises:
        OSError: the file cannot be written.
    """
    line = (json.dumps({"sql": text}, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    if home.readonly or not home.root.is_dir() or len(line) > LONGEST:
        return list(dict.fromkeys([text, *read(home)]))
    with append_plain(home.query_history) as stream:
        stream.write(line)
        stream.flush()
        size = stream.tell()
    kept = read(home)
    if size > TRIMMED_AT:
        _trim(home, kept)
    return kept


def _trim(home: Home, kept: list[str]) -> None:
    """Write the file anew with what is kept of it."""
    temporary = home.query_history.with_name(f".{home.query_history.name}.{os.getpid()}.tmp")
    text = "".join(
        json.dumps({"sql": query}, ensure_ascii=False) + "\n" for query in reversed(kept)
    )
    temporary.write_text(text, encoding="utf-8", errors="replace")
    temporary.replace(home.query_history)
