"""An arm's training data: its file, or what is taken of several.

What `held_out` takes of it is no part of it.

Promises: a file lies in the definition's folder, so that the folder can be moved; examples come in
one order, whoever reads them, and none is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from experiments.errors import DefinitionError
from experiments.patterns import TooSlow
from experiments.readers.arms.held_out import Part, trained_part
from experiments.readers.brought import differs, is_absent, not_brought
from experiments.readers.containers import read_raw_rows
from experiments.readers.mixture import Mixture, Piece, chosen_of, passes
from experiments.readers.shown_rows import refuse_too_few
from experiments.rows import Dataset, Row, never, nobody, read_rows
from experiments.schema import Arm
from experiments.sources import problem_in
from experiments.text_files import inside, missing
from experiments.yaml_source import KeyPath

ArmData = Dataset | Mixture | Part
PARTED = 2  # rows, at least, that `upsample` parts


def load_rows(
    folder: Path,
    arm_name: str,
    arm: Arm,
    each: Callable[[Row], None] = nobody,
    *,
    enough: Callable[[], bool] = never,
) -> ArmData:
    """Read an arm's examples.

    Args:
        folder: Of the definition.
        arm_name: The arm's.
        arm: The arm.
        each: Hears of every example while the file is read.
        enough: As for `read_rows`.

    Raises:
        DefinitionError: the file is missing, empty, outside the folder, or has broken rows; or
            fewer rows than the arm shows in context, or one that is to be parted.
    """
    held_out = arm.held_out
    if held_out is None or held_out.file is not None:
        data: ArmData = _load(folder, arm_name, arm, each, enough)
    else:
        whole = _load(folder, arm_name, arm, nobody, never)
        data = trained_part(folder, arm_name, whole, held_out)
        _tell(data, each, enough)
    if not enough():
        refuse_too_few(folder, arm_name, arm, len(data))
        if arm.upsample is not None and arm.derived is None and len(data) < PARTED:
            why = "One row cannot be parted into those that stand twice and the others."
            path = ("arms", arm_name, "upsample")
            raise DefinitionError(problem_in(folder, path, why, "Give more data."))
    return data


def load_held_out(
    folder: Path, arm_name: str, arm: Arm, each: Callable[[Row], None] = nobody
) -> ArmData | None:
    """Read the rows of an arm's task that it is not trained on; None where it has none.

    Args:
        folder: Of the definition.
        arm_name: The arm's.
        arm: The arm.
        each: Hears of every row.

    Raises:
        DefinitionError: as `load_rows`.
    """
    if arm.held_out is None:
        return None
    if arm.held_out.file is not None:
        return read_rows(
            _in_folder(folder, arm_name, arm.held_out.file, ("held_out", "file")), each
        )
    whole = _load(folder, arm_name, arm, nobody, never)
    held = trained_part(folder, arm_name, whole, arm.held_out).other()
    _tell(held, each, never)
    return held


def _tell(rows: Part, each: Callable[[Row], None], enough: Callable[[], bool]) -> None:
    for row in rows:
        each(row)
        if enough():
            break


def _load(
    folder: Path, arm_name: str, arm: Arm, each: Callable[[Row], None], enough: Callable[[], bool]
) -> Dataset | Mixture:
    if isinstance(arm.data, str):
        dataset = read_rows(_data_file(folder, arm_name, arm), each, enough=enough)
        read = arm.upsample and arm.upsample.class_
        left = {key: count for key, count in dataset.left_out.items() if key != read}
        return replace(dataset, left_out=left)
    pieces: list[Piece] = []
    number = 0
    for index in range(len(arm.files)):
        pieces.append(_piece(folder, arm_name, arm, index))
        for row in pieces[-1]:
            number += 1
            each(Row(row.messages, number, (arm.files[index].file, row.line)))
            if enough():
                return Mixture(tuple(pieces))
    return Mixture(tuple(pieces))


def rows_in_all(data: ArmData) -> int:
    """How many rows there were if no file gave only a number of its rows, or a share."""
    whole = data.whole if isinstance(data, Part) else data
    if not isinstance(whole, Mixture):
        return len(data)
    every = sum(piece.matching * piece.of.repeat for piece in whole.pieces)
    if not isinstance(data, Part):
        return every
    held_out = len(whole) - len(data)
    if data.told.share is not None:  # of all rows it would be as large a share
        held_out = round(every * held_out / len(whole))
    return every - held_out


def count_rows(folder: Path, arm_name: str, arm: Arm) -> int:
    """How many rows an arm's dataset has; whether each can be read is not looked at.

    Raises:
        DefinitionError: the file is missing, outside the folder, or of a kind that holds no rows.
    """
    if arm.held_out is not None and arm.held_out.file is None:
        return len(load_rows(folder, arm_name, arm))
    if isinstance(arm.data, str):
        return sum(1 for _ in read_raw_rows(_data_file(folder, arm_name, arm), values=False))
    return sum(_piece(folder, arm_name, arm, index).count for index in range(len(arm.files)))


def _piece(folder: Path, arm_name: str, arm: Arm, index: int) -> Piece:
    """What a file of a mixture gives: read once to the end, to know how many rows there are."""
    of, check, matching = arm.files[index], passes(arm.files[index]), 0

    def hear(row: Row) -> None:
        nonlocal matching
        matching += check(row)

    key: KeyPath = ("arms", arm_name, "data") + ((index,) if len(arm.files) > 1 else ())
    try:
        dataset = read_rows(_data_file(folder, arm_name, arm, index), hear)
    except TooSlow as error:
        why = "The filter's pattern does not end on a row."
        hint = "Write it without nested repeats."
        raise DefinitionError(problem_in(folder, (*key, "filter"), why, hint)) from error
    wanted = of.rows or (matching if of.share is None else max(1, round(of.share * matching)))
    if wanted > matching or not matching:
        rows, that = ("row", "that passes") if matching == 1 else ("rows", "that pass")
        why = f"{of.file!r} has {matching:,} {rows}" + (f" {that} the filter" if of.filter else "")
        why += f"; {wanted:,} are asked for." if matching else "."
        hint = "`repeat: 2` takes each of them twice." if matching else "Widen the filter."
        raise DefinitionError(problem_in(folder, key, why, hint))
    other = differs(of, dataset.path, dataset.count)
    return Piece(of, dataset, matching, chosen_of(matching, wanted, of.sample), other)


def _data_file(folder: Path, arm_name: str, arm: Arm, index: int = 0) -> Path:
    path = data_path(folder, arm_name, arm, index)
    if is_absent(folder, arm.files[index]):
        raise DefinitionError(not_brought(folder, arm_name, arm.files[index]))
    if why := missing(path):
        said = f"The dataset {arm.files[index].file!r} of arm {arm_name!r} cannot be read. {why}."
        hint = "Write chat rows there, one JSON object per line."
        raise DefinitionError(problem_in(folder, ("arms", arm_name, "data"), said, hint))
    return path


def data_key(arm: Arm, index: int) -> KeyPath:
    """Where a file of an arm's data is named, below the arm."""
    return ("data",) if isinstance(arm.data, str) else ("data", index, "file")


def data_path(folder: Path, arm_name: str, arm: Arm, index: int = 0) -> Path:
    """Where a dataset of an arm is: in the definition's folder, so that the folder can be moved.

    Raises:
        DefinitionError: it leads out of the folder.
    """
    return _in_folder(folder, arm_name, arm.files[index].file, ("data",))


def _in_folder(folder: Path, arm_name: str, file: str, key: KeyPath) -> Path:
    path = inside(folder, file)
    if path is None:
        why = f"The dataset {file!r} lies outside the definition's folder."
        hint = "Copy it into the folder, so that the experiment can be moved as a whole."
        raise DefinitionError(problem_in(folder, ("arms", arm_name, *key), why, hint))
    return path
