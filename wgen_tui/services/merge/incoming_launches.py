"""What comes over of another home's launches.

Promises: a launch that comes over counts as ended here, whatever it was there: it cannot be taken
for alive, signalled, retried, submitted to Slurm, or run as a notification. When it ends there
later, the next merge brings the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wgen_tui.paths import LaunchPaths
from wgen_tui.plain_files import parse, read_plain
from wgen_tui.protocol.launches import DoneRecord, LaunchSpec, RunOutcome
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.services.merge.file_copies import FileCopy, list_folder, read_file_if_any, safe_name
from wgen_tui.services.merge.merge_report import MergeConflict

UNFINISHED = "Not finished where it ran"
COPIED = ("worker.log", "events.jsonl", "accelerate.json", "queue.json")


def launch_ids(data: bytes | None) -> list[str]:
    """The launch ids in a launches.jsonl, oldest first.

    Raises:
        MergeConflict: one cannot be an id.
    """
    try:
        return [safe_name(str(parse(line)["launch_id"])) for line in _complete_lines(data)]
    except (ValueError, KeyError, TypeError) as error:
        raise MergeConflict("its launches.jsonl is damaged") from error


def _complete_lines(data: bytes | None) -> list[bytes]:
    return [line for line in (data or b"").splitlines() if line.endswith(b"}")]


def merge_launch_lists(ours: bytes, theirs: bytes) -> bytes:
    """Merge two launches.jsonl: each keeps its order, and a new launch is sorted in by its id."""
    both = _complete_lines(theirs) + _complete_lines(ours)
    lines = {parse(line)["launch_id"]: line for line in both}
    order, there = launch_ids(ours), launch_ids(theirs)
    for index, name in enumerate(there):
        if name in order:
            continue
        before, after = set(there[:index]), set(there[index:])
        place = max((i + 1 for i, other in enumerate(order) if other in before), default=0)
        # An id begins with the time at which the launch was planned.
        while place < len(order) and order[place] < name and order[place] not in after:
            place += 1
        order.insert(place, name)
    return b"".join(lines[name] + b"\n" for name in order)


def read_started(paths: LaunchPaths) -> dict[str, Any]:
    """A launch's started.json as it stands; empty when it is missing or damaged."""
    try:
        started = parse(read_file_if_any(paths.started) or b"{}")
    except ValueError:
        return {}
    return started if isinstance(started, dict) else {}


def launch_files(paths: LaunchPaths) -> list[FileCopy]:
    """The files of a launch that come over; `done.json` last, as always.

    Raises:
        MergeConflict: one cannot be read.
    """
    for _ in list_folder(paths.root):
        pass  # refuses a symbolic link among its files
    spec = read_spec(paths)
    files = [_json_file("launch.json", _portable(spec).model_dump(mode="json"))]
    # Stays for as long as the launch does, so that nothing here starts or retries it.
    files.append(FileCopy("control/cancel"))
    names = [
        *COPIED,
        *(entry.name for entry in list_folder(paths.root) if _is_earlier_attempt(entry.name)),
    ]
    files += [FileCopy(name, paths.root / name) for name in names if (paths.root / name).exists()]
    if started := read_started(paths):
        files.append(_json_file("started.json", {**started, "pid": None, "ticks": None}))
    if paths.done.exists():
        files.append(FileCopy("done.json", paths.done))
    else:
        files.append(_json_file("done.json", _unfinished(spec, started).model_dump(mode="json")))
    return files


def _is_earlier_attempt(name: str) -> bool:
    return name.startswith("done-") and name.endswith(".json")


def _json_file(target: str, value: Mapping[str, Any]) -> FileCopy:
    return FileCopy(target, data=json.dumps(value, indent=2).encode() + b"\n")


def read_spec(paths: LaunchPaths) -> LaunchSpec:
    """A launch's spec.

    Raises:
        MergeConflict: there is none of this version, or it is another launch's.
    """
    try:
        spec = LaunchSpec.model_validate_json(read_file_if_any(paths.spec) or b"")
    except ValidationError as error:
        raise MergeConflict(f"{paths.spec} cannot be read by this version") from error
    if spec.launch_id != paths.root.name:
        raise MergeConflict(f"{paths.spec} belongs to {spec.launch_id}")
    for name in (*spec.run_ids, *spec.after):
        safe_name(name)
    return spec


def _portable(spec: LaunchSpec) -> LaunchSpec:
    """Without what only its own home may do: Slurm's job, the notification."""
    return spec.model_copy(update={"slurm": None, "notify": None})


def _unfinished(spec: LaunchSpec, started: Mapping[str, Any]) -> DoneRecord:
    """The done.json, here, of a launch that has none there."""
    where = f" on {started['host']}" if started.get("host") else ""
    message = f"The launch had not ended{where} when it was merged."
    hint = "What it did is here; `wgen-tui run start` with the same experiment does the rest."
    end = RunOutcome(outcome="failed", title=UNFINISHED, message=message, hint=hint)
    return DoneRecord(
        launch_id=spec.launch_id,
        **end.model_dump(),
        started_at=started.get("at") or spec.created_at,
        ended_at=started.get("at") or spec.created_at,
        runs=dict.fromkeys(spec.run_ids, end),
    )


def changed_files(ours: LaunchPaths, theirs: LaunchPaths) -> list[FileCopy]:
    """The files that a merge replaces of a launch in both homes: only an unfinished copy's end.

    Raises:
        MergeConflict: two different launches have this id.
    """
    if _portable(read_spec(ours)) != _portable(read_spec(theirs)):
        raise MergeConflict(f"launch {ours.root.name} is a different launch here")
    if not is_unfinished_copy(ours):
        return []
    return [file for file in launch_files(theirs) if not _is_same(ours.root / file.target, file)]


def is_unfinished_copy(paths: LaunchPaths) -> bool:
    """Whether a launch was merged before it had ended where it ran."""
    try:
        done = read_record(paths.done, DoneRecord)
    except Unreadable:
        return False
    return done is not None and done.title == UNFINISHED


def _is_same(path: Path, file: FileCopy) -> bool:
    try:
        ours = read_plain(path)
    except OSError:
        return False
    return ours == (file.data if file.source is None else read_file_if_any(file.source))
