"""Services reach the store here: a home's files, and the store's errors as a user sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from store.connect import REFUSALS, Connection, StoreBroken, StoreBusy, read
from store.layout import StoreFiles
from store.migrate import NewerDatabase
from store.samples import memory
from wgen_tui.errors import BusyError, UsageError, WgenError, disk_error
from wgen_tui.paths import Home

P = ParamSpec("P")
T = TypeVar("T")

_limit: ContextVar[str | None] = ContextVar("limit", default=None)


def files_of(home: Home) -> StoreFiles:
    """The store's files in a home."""
    return StoreFiles.of(home.root, readonly=home.readonly)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the store's errors into those that a user sees.

    Raises:
        BusyError: another program holds the database.
        WgenError: its file is damaged.
        UsageError: a newer version made it, or the disk is full or refuses.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS or error.filename is None:
            raise
        raise disk_error(error, outcome="Nothing is lost.") from error
    except StoreBusy as error:
        raise BusyError(
            str(error),
            title="Database is held",
            hint="Wait, or end that program; work goes on meanwhile, and nothing is lost.",
        ) from error
    except NewerDatabase as error:
        raise UsageError(str(error), title="Database is newer") from error
    except StoreBroken as error:
        raise WgenError(
            str(error),
            title="Database is damaged",
            hint="`wgen-tui store rebuild` makes it again from the files; nothing is lost.",
        ) from error


@contextmanager
def reading(home: Home) -> Iterator[Connection]:
    """A connection for a moment, with every row that is on disk.

    Raises:
        BusyError: another program holds the database.
    """
    with store_errors(), read(files_of(home)) as con:
        if (limit := _limit.get()) is not None:
            memory.bound(con, home.root, limit)
        yield con


def in_little_memory(work: Callable[P, T]) -> Callable[P, T]:
    """Have all that is read within a piece of work held by little memory, if that is enough.

    Where it is not, the work is done again with more, at last with as much as there is.
    """

    @wraps(work)
    def worked(*args: P.args, **kwargs: P.kwargs) -> T:
        for limit in memory.LIMITS:
            before = _limit.set(limit)
            try:
                return work(*args, **kwargs)
            except memory.NeedsMore:
                continue
            finally:
                _limit.reset(before)
        before = _limit.set(None)
        try:
            return work(*args, **kwargs)
        finally:
            _limit.reset(before)

    return worked
