"""Datasets that are not shipped: what to put where, and whether it is the published file.

Promises: a missing one is one message with its source and its place; another file than the
published one is used, and it is said in what it differs.
"""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path

from experiments.errors import Problem
from experiments.folders import builtin_root
from experiments.schema import Arm, DataFile
from experiments.sources import problem_in
from experiments.text_files import NOTHING, inside, missing

SHOWN = 12  # digits of a hash


def is_absent(folder: Path, item: DataFile) -> bool:
    """Whether a file is to be brought, and is not there yet."""
    path = inside(folder, item.file)
    return item.bring is not None and path is not None and missing(path) == NOTHING


def absent(folder: Path, arm: Arm) -> list[DataFile]:
    """The files of an arm that are still to be brought."""
    return [item for item in arm.files if is_absent(folder, item)]


def not_brought(folder: Path, arm_name: str, item: DataFile) -> Problem:
    """The problem that a file is not there yet."""
    assert item.bring is not None
    why = f"The dataset {item.file!r} of arm {arm_name!r} is not shipped: bring it yourself."
    rows = f", {item.bring.rows:,} rows" if item.bring.rows is not None else ""
    how = f" {item.bring.how}" if item.bring.how else ""
    slug = folder.name
    if folder.resolve().is_relative_to(builtin_root()):
        place = f"`wgen-tui experiment copy {slug} my-{slug}`, then put it at {item.file} in there"
    else:
        place = f"Put it at {folder / item.file}"
    hint = f"{place}. It is published as: {item.bring.source}{rows}.{how}"
    return problem_in(folder, ("arms", arm_name, "data"), why, hint)


def differs(item: DataFile, path: Path, count: int) -> str:
    """In what a file differs from the published one, for people; empty where in nothing known."""
    if item.bring is None:
        return ""
    said = []
    if item.bring.rows is not None and item.bring.rows != count:
        said.append(f"{count:,} rows, and the published file {item.bring.rows:,}")
    if item.bring.sha256 is not None:
        with path.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
        if digest != item.bring.sha256:
            said.append(f"SHA-256 {digest[:SHOWN]}…, published {item.bring.sha256[:SHOWN]}…")
    return f"{item.file} has {'; '.join(said)}: it is another file" if said else ""
