"""Training data: chats, as the field writes them.

Promises: a row is either read as a chat that ends with the assistant's turn, or named by its line
number; what of the rows is not read is counted, so that whoever shows the data can say it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import DefinitionError, Problem
from experiments.readers.chats import read_chat
from experiments.readers.containers import read_raw_rows
from experiments.schema import Arm, Turn
from experiments.text_files import inside, missing

MOST = 5  # problems named at once
EMPTY = (
    'A row: {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
)


@dataclass(frozen=True, slots=True)
class Row:
    """One example, before the arm's context is applied.

    Attributes:
        messages: The chat; the last turn is the assistant's.
        line: Its line in the file, from 1.
    """

    messages: tuple[Turn, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """The examples of a file.

    Attributes:
        rows: In the order of the file.
        left_out: How many rows have each key that was not read.
    """

    rows: tuple[Row, ...]
    left_out: dict[str, int]

    @property
    def notes(self) -> list[str]:
        """What was not read, for people; empty where all was."""
        if not self.left_out:
            return []
        keys = ", ".join(
            f"{key} ({count} of {len(self.rows)} rows)" for key, count in self.left_out.items()
        )
        return [f"keys of the dataset that are not read: {keys}"]


def load_rows(folder: Path, arm_name: str, arm: Arm) -> Dataset:
    """Read an arm's examples.

    Raises:
        DefinitionError: the file is missing, empty, outside the folder, or has broken rows.
    """
    path = data_path(folder, arm_name, arm)
    if why := missing(path):
        raise DefinitionError(_no_data(folder, arm_name, arm, why))
    return read_rows(path)


def data_path(folder: Path, arm_name: str, arm: Arm) -> Path:
    """Where an arm's dataset is; inside the definition's folder, so that the folder can be moved.

    Raises:
        DefinitionError: it leads out of the folder.
    """
    path = inside(folder, arm.data)
    if path is None:
        raise DefinitionError(
            Problem(
                f"The dataset {arm.data!r} lies outside the definition's folder.",
                "Copy it into the folder, so that the experiment can be moved as a whole.",
                folder / "experiment.yaml",
                None,
                f"arms.{arm_name}.data",
            )
        )
    return path


def _no_data(folder: Path, arm_name: str, arm: Arm, why: str) -> Problem:
    return Problem(
        f"The dataset {arm.data!r} of arm {arm_name!r} cannot be read. {why}.",
        "Write chat rows there, one JSON object per line.",
        folder / "experiment.yaml",
        None,
        f"arms.{arm_name}.data",
    )


def read_rows(path: Path) -> Dataset:
    """Read a file of chats: JSONL, a JSON array, CSV, Parquet, or one of these gzipped.

    Raises:
        DefinitionError: broken rows (the first few, with their lines, and how many more), or no
            rows at all.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    wrong = 0
    left_out: Counter[str] = Counter()
    for raw in read_raw_rows(path):
        why, hint = raw.wrong, raw.hint
        if not why:
            here: set[str] = set()
            try:
                rows.append(Row(read_chat(raw.value, here.add), raw.line))
            except ValueError as error:
                why = str(error)
            left_out.update(here)
        if why:
            wrong += 1
            if len(problems) < MOST:
                problems.append(Problem(why, hint, path, raw.line))
    if wrong > len(problems):
        left = wrong - len(problems)
        more = f"{left} more of {wrong + len(rows)} rows are wrong."
        problems.append(Problem(more, "", path, count=left))
    if problems:
        raise DefinitionError(*problems)
    if not rows:
        raise DefinitionError(Problem("The dataset is empty.", EMPTY, path))
    return Dataset(tuple(rows), dict(sorted(left_out.items())))
