"""A query may not take all memory of the machine: one value can be larger than DuckDB's own limit.

Promises: while a query of a person's own runs, what the process may ask of the system is bounded,
as DuckDB's limit bounds what DuckDB counts (it does not count a single text of gigabytes); who asks
for more gets a message, and nothing is killed. Afterwards the process may do what it could before.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

HEADROOM = 4 << 30  # bytes beyond what the process has when the first query begins

_lock = Lock()
_inside = 0
_before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextmanager
def bounded() -> Iterator[None]:
    """Bound what this process may take while queries run; several may, in several threads."""
    global _inside, _before
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = resource.getrlimit(resource.RLIMIT_DATA)
            _set(_data() + HEADROOM)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(_before[0])


def _set(soft: int) -> None:
    hard = _before[1]
    if hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard):
        soft = hard
    with suppress(ValueError, OSError):  # a system without that limit
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data() -> int:
    """Bytes that the system holds against the limit now."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0
