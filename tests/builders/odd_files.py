"""What may stand in the place of a file of a home: each kind, by name.

Promises: `plant` removes what is there first; nothing leads out of the folder of the file.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

LADDER = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 11)
)
NOBODY = 65_534


def _socket(path: Path, _before: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def _loop(path: Path, _before: bytes) -> None:
    path.symlink_to(f".{path.name}.other")
    path.with_name(f".{path.name}.other").symlink_to(path.name)


def _owned_by_another(path: Path, before: bytes) -> None:
    path.write_bytes(before)
    path.chmod(0)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


KINDS: dict[str, Callable[[Path, bytes], object]] = {
    "folder": lambda path, _: path.mkdir(),
    "fifo": lambda path, _: os.mkfifo(path),
    "socket": _socket,
    "loop": _loop,
    "gone": lambda path, _: path.symlink_to("nowhere"),
    "empty": lambda path, _: path.write_bytes(b""),
    "deep": lambda path, _: path.write_text("[" * 200_000 + "\n"),
    "cut": lambda path, before: path.write_bytes(before[: len(before) // 2]),
    "another": lambda path, _: path.write_text('{"schema_version": 99, "colour": "blue"}\n'),
    "shape": lambda path, _: path.write_text('[1, {"launch_id": 3}]\n7\nnull\n'),
    "bytes": lambda path, _: path.write_bytes(b"\xff\xfe\x00\n\x80{}\n"),
    "owned": _owned_by_another,
}

# What people give for a text, beside these.
TEXTS: dict[str, Callable[[Path, bytes], object]] = {
    "ladder": lambda path, _: path.write_text(LADDER),
    "utf-16": lambda path, _: path.write_text("title: x", encoding="utf-16"),
    "latin-1": lambda path, _: path.write_text("title: é", encoding="latin-1"),
    "nul": lambda path, _: path.write_bytes(b"title: a\0b"),
    "lfs": lambda path, _: path.write_text("version https://git-lfs.github.com/spec/v1\noid x"),
    "parquet": lambda path, _: path.write_bytes(b"PAR1xxxx"),
    "long line": lambda path, _: path.write_bytes(b"x" * 20_000_000),
}
OF_DEFINITIONS = ("folder", "fifo", "socket", "loop", "gone", "empty", "deep", *TEXTS)


def plant(kind: str, path: Path) -> None:
    """Put one of `KINDS` or `TEXTS` in a file's (or a folder's) place."""
    before = path.read_bytes() if path.is_file() else b""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    {**KINDS, **TEXTS}[kind](path, before)
