"""Let one part file stand for several in the list of what is ingested.

Promises: nothing is read or inserted, in one transaction, and only where every row is in the
database already; so whoever reads meets each row once, before, between and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from store.database.opening import StoreBroken, open_for_writing
from store.ingest import ingest_lock, transaction
from store.layout import StoreFiles


def stand_in(
    files: StoreFiles, wholes: Mapping[str, int], parts: Mapping[str, Sequence[str]]
) -> set[str]:
    """Put wholes in the stead of their parts.

    Args:
        files: Where the database is.
        wholes: Bytes of each, by its name below the home; its file is there.
        parts: The names of the parts that each stands for.

    Returns:
        The wholes that now stand there: their parts may go.

    Raises:
        StoreBusy: another program holds the database.
        NewerDatabase: a newer version made it.
    """
    done: set[str] = set()
    with ingest_lock(files) as mine, suppress(StoreBroken):  # that is to be made again as it is
        if not mine or not files.database.exists():
            return done
        with open_for_writing(files) as con, transaction(con):
            known = {name for (name,) in con.execute("select name from ingested_part").fetchall()}
            for whole, size in wholes.items():
                own = list(parts[whole])
                if whole not in known and not known.issuperset(own):
                    continue
                con.execute("delete from ingested_part where name in (select unnest(?))", [own])
                run_id = whole.split("/")[1]
                con.execute(
                    "insert or replace into ingested_part (name, run_id, bytes) values (?, ?, ?)",
                    [whole, run_id, size],
                )
                done.add(whole)
    return done
