"""Several requests at once, with a moment between them for everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.2  # between two moments


async def at_once(
    number: int, work: Callable[[], Awaitable[None]], between: Callable[[], None]
) -> None:
    """Do the same work several times at once, to the end.

    Args:
        number: How many times.
        work: Asks until nothing is left to ask; what it takes from, all take from.
        between: Called every little while: to write, to see whether to stop.

    Raises:
        Exception: the first that any of them or `between` raises; the others are ended.
    """
    tasks = {asyncio.ensure_future(work()) for _ in range(number)}
    pending = tasks
    try:
        while pending:
            done, pending = await asyncio.wait(
                pending, timeout=POLL_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
            between()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
