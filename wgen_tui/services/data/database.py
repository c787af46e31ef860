"""Services reach the store here: a home's files, and the store's errors as a user sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

    Where it is not, the work is done again with more, at last with as much as there is; and so
    the next time at once.
    """
    return held_by(memory.LIMITS, work)


def in_some_memory(work: Callable[P, T]) -> Callable[P, T]:
    """The same for what the least is never enough for: results count all that there is."""
    return held_by(memory.LIMITS[1:], work)


def held_by(limits: Sequence[str], work: Callable[P, T]) -> Callable[P, T]:
    """The same with these limits."""
    tried: list[str | None] = [*limits, None]  # those that were too little are taken out

    @wraps(work)
    def worked(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            limit = tried[0]
            before = _limit.set(limit)
            try:
                return work(*args, **kwargs)
            except memory.NeedsMore:
                if limit is None:
                    raise
                if tried[0] == limit:  # not yet found by another thread
                    del tried[0]
            finally:
                _limit.reset(before)

    return worked
