"""How the C library hands out memory to the threads of the screens, and gives it back.

Promises: what a thread gave back, another gets. glibc gives each thread a heap of its own, and what
queries leave free in one no other may use: 30 MB on Grade and Results at a million samples. What is
free within the heap goes back to the system once a load has ended. Elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, ClassVar

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h
ARENAS = 1
LARGE = 128 << 10  # bytes from which on a block goes back to the system when it is given back
WORTH = 4 << 20  # bytes that are free: for less the heap is not gone through, which takes a ms


class _Info(ctypes.Structure):
    """`struct mallinfo2` of malloc.h."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@lru_cache(maxsize=1)
def _library() -> Any:
    library = ctypes.CDLL(None)
    if hasattr(library, "mallinfo2"):
        library.mallinfo2.restype = _Info
    return library


def share_memory() -> None:
    """Let all threads have one heap; call it before the first of them begins."""
    mallopt = getattr(_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Give the system what is free within the heap, if that is much."""
    library = _library()
    if hasattr(library, "mallinfo2") and library.mallinfo2().fordblks >= WORTH:
        library.malloc_trim(ctypes.c_size_t(0))
