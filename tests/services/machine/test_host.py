"""The machine's load and its kernel's kills, from Linux's files in and out of containers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from wgen_tui.services.machine import host

MB = 2**20
Tree = Callable[[dict[str, object]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A root folder with these files."""

    def make(files: dict[str, object]) -> Path:
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path / "root"

    return make


def test_this_machine(tmp_path: Path) -> None:
    found = host.load(tmp_path)
    assert 0 < found.memory_used_mb < found.memory_total_mb
    assert found.memory_total_mb <= psutil.virtual_memory().total // MB
    assert 0 < found.disk_free_mb < found.disk_total_mb
    assert 0 <= found.cpu_percent <= 100
    assert host.oom_kills() >= 0


def test_without_a_limit_the_machines_memory_counts(tree: Tree, tmp_path: Path) -> None:
    root = tree({"proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/memory.max": "max"})
    assert host.load(tmp_path, root).memory_total_mb == psutil.virtual_memory().total // MB


def test_the_tightest_limit_above_us_counts(tree: Tree, tmp_path: Path) -> None:
    group = "sys/fs/cgroup/slice"
    root = tree(
        {
            "proc/self/cgroup": "0::/slice/mine",
            f"{group}/memory.max": 100 * MB,
            f"{group}/memory.current": 60 * MB,
            f"{group}/memory.stat": f"anon 5\ninactive_file {20 * MB}",
            f"{group}/mine/memory.max": 500 * MB,
            f"{group}/mine/memory.current": 50 * MB,
        }
    )
    found = host.load(tmp_path, root)
    assert (found.memory_used_mb, found.memory_total_mb) == (40, 100)


def test_a_container_sees_its_own_group_as_the_top(tree: Tree, tmp_path: Path) -> None:
    """The path is the host's and not there; cgroup v1."""
    base = "sys/fs/cgroup/memory"
    root = tree(
        {
            "proc/self/cgroup": "5:devices:/docker/abc\n4:memory:/docker/abc\n1:cpu,cpuacct:/",
            f"{base}/memory.limit_in_bytes": 64 * MB,
            f"{base}/memory.usage_in_bytes": 32 * MB,
            f"{base}/memory.stat": f"inactive_file 1\ntotal_inactive_file {8 * MB}",
        }
    )
    found = host.load(tmp_path, root)
    assert (found.memory_used_mb, found.memory_total_mb) == (24, 64)


def test_no_limit_in_the_words_of_version_1(tree: Tree, tmp_path: Path) -> None:
    base = "sys/fs/cgroup/memory"
    root = tree(
        {
            "proc/self/cgroup": "4:memory:/",
            f"{base}/memory.limit_in_bytes": 9223372036854771712,
            f"{base}/memory.usage_in_bytes": 32 * MB,
        }
    )
    assert host.load(tmp_path, root).memory_total_mb == psutil.virtual_memory().total // MB


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "proc/self/cgroup": "0::/mine",
                "sys/fs/cgroup/mine/memory.events": "oom 9\noom_kill 3\noom_group_kill 0",
                "proc/vmstat": "oom_kill 70",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/x",
                "sys/fs/cgroup/memory/x/memory.oom_control": "under_oom 0\noom_kill 2",
                "proc/vmstat": "oom_kill 70",
            },
            2,
        ),
        ({"proc/self/cgroup": "0::/", "proc/vmstat": "nr_free_pages 5\noom_kill 70"}, 70),
        ({"proc/vmstat": "oom_kill 70"}, 70),
        ({"proc/version": "Darwin"}, 0),
    ],
)
def test_kills_of_the_kernel(tree: Tree, files: dict[str, object], expected: int) -> None:
    assert host.oom_kills(tree(files)) == expected


def test_the_kills_of_our_group_count_though_a_group_above_has_the_limit(tree: Tree) -> None:
    root = tree(
        {
            "proc/self/cgroup": "0::/slice/mine",
            "sys/fs/cgroup/slice/memory.events": "oom_kill 8",
            "sys/fs/cgroup/slice/mine/memory.events": "oom_kill 1",
        }
    )
    assert host.oom_kills(root) == 1


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    free, total = host.disk(tmp_path / "not" / "yet")
    there = os.statvfs(tmp_path)
    assert total == there.f_blocks * there.f_frsize // MB
    assert 0 < free <= total
