"""How the C library hands out memory to the threads of the screens.

Promises: what a thread gave back, another gets. glibc gives each thread a heap of its own, and what
queries leave free in one no other may use: 30 MB on Grade and Results at a million samples.
Elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h
ARENAS = 1
LARGE = 128 << 10  # bytes from which on a block goes back to the system when it is given back


def share_memory() -> None:
    """Let all threads have one heap; call it before the first of them begins."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)
