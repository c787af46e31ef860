"""Threads of the screens take their memory from one heap."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT_HEAPS = """
import ctypes, os, sys, tempfile, threading
from wgen_tui.ui.allocator import share_memory

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p

def heaps():
    with tempfile.TemporaryFile() as file:
        stream = libc.fdopen(ctypes.c_int(os.dup(file.fileno())), b"w")
        libc.malloc_info(0, ctypes.c_void_p(stream))
        libc.fflush(ctypes.c_void_p(stream))
        file.seek(0)
        return file.read().count(b"<heap nr=")
"""
OF_THREADS = f"""{COUNT_HEAPS}
if sys.argv[1] == "shared":
    share_memory()
barrier = threading.Barrier(4)

def take():
    barrier.wait()
    libc.malloc(50_000)
    barrier.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(heaps())
"""
OF_SCREENS = f"""{COUNT_HEAPS}
from pathlib import Path
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp, run_app

def shown(app, screen, renderable):
    if app.screen.is_mounted and not app.screen.loading_any:
        print(heaps(), file=sys.__stdout__, flush=True)
        os._exit(0)

WgenApp._display = shown
run_app(Home(Path(sys.argv[1])))
"""


def heaps(code: str, how: str, stdin: int | None = None) -> int:
    done = subprocess.run(
        [sys.executable, "-c", code, how], stdin=stdin, capture_output=True, text=True, check=True
    )
    return int(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc alone has heaps")
def test_threads_share_a_heap() -> None:
    assert heaps(OF_THREADS, "shared") == 1 < heaps(OF_THREADS, "as it is")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc alone has heaps")
def test_no_thread_of_the_screens_is_older_than_the_one_heap(tmp_path: Path) -> None:
    terminal, screens_end = os.openpty()
    try:
        assert heaps(OF_SCREENS, str(tmp_path), screens_end) == 1
    finally:
        os.close(terminal)
        os.close(screens_end)


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
