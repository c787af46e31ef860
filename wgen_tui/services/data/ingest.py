"""Fold what workers and graders wrote into the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from wgen_tui.paths import Home

if TYPE_CHECKING:
    from store.ingest import IngestReport


def ingest_now(home: Home) -> IngestReport | None:
    """Ingest the parts that are not in the database yet, in short transactions.

    Returns:
        What was ingested; None if another process is at it.

    Raises:
        BusyError: another program holds the database.
    """
    # The store loads duckdb and pyarrow; the supervisor starts its first worker before that.
    from store.ingest import ingest  # noqa: PLC0415
    from wgen_tui.services.data.database import files_of, store_errors  # noqa: PLC0415

    with store_errors():
        return ingest(files_of(home))


@contextmanager
def rereading_specs(home: Home, run_ids: Sequence[str]) -> Iterator[None]:
    """Have the database read the specs of some runs again, which are written anew inside.

    Raises:
        BusyError: another program holds the database; nothing was done.
    """
    if not run_ids:
        yield
        return
    from store.ingest import rereading_specs as rereading  # noqa: PLC0415  as above
    from wgen_tui.services.data.database import files_of, store_errors  # noqa: PLC0415

    with ExitStack() as held:
        with store_errors():
            held.enter_context(rereading(files_of(home), run_ids))
        yield
