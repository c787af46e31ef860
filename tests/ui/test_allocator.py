"""Threads of the screens take their memory from one heap."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

COUNT_HEAPS = """
import ctypes, os, sys, tempfile, threading
from wgen_tui.ui.allocator import share_memory

if sys.argv[1] == "shared":
    share_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(4)

def take():
    barrier.wait()
    libc.malloc(50_000)
    barrier.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fdopen.restype = ctypes.c_void_p
with tempfile.TemporaryFile() as file:
    stream = libc.fdopen(ctypes.c_int(os.dup(file.fileno())), b"w")
    libc.malloc_info(0, ctypes.c_void_p(stream))
    libc.fflush(ctypes.c_void_p(stream))
    file.seek(0)
    print(file.read().count(b"<heap nr="))
"""


def heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_HEAPS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc alone has heaps")
def test_threads_share_a_heap() -> None:
    assert heaps("shared") == 1 < heaps("as it is")


FREE_WITHIN = """
import ctypes
from wgen_tui.ui.allocator import give_back

def held():
    return sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if "Dirty" in line)

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
blocks = [libc.malloc(50_000) for _ in range(1000)]
[ctypes.memset(block, 1, 50_000) for block in blocks]
[libc.free(ctypes.c_void_p(block)) for block in blocks[:-1]]  # the last keeps the heap's end
before = held()
give_back()
print(before - held())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc alone has heaps")
def test_what_is_free_within_the_heap_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FREE_WITHIN], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 40_000  # of 50,000 KB
