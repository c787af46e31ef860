"""Launches of another home: whether they are at work there, and what of them comes over.

Promises: a launch that comes over has ended here, whatever it was there: nothing of it can be taken
for alive, signalled, tried again, given to Slurm, or run as a notification. When it goes on there
and ends, the next merge brings the end.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol.launches import WORKING_STATES, DoneRecord, LaunchSpec, RunOutcome
from wgen_tui.services.merge.file_copies import FileCopy, component, content_if_there, listed
from wgen_tui.services.merge.merge_report import MergeConflict
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView, alive
from wgen_tui.services.runs.run_state import is_pending_for
from wgen_tui.services.supervisor import lifecycle

UNFINISHED = "Not finished where it ran"
QUIET = 600.0  # seconds; what another box wrote to less long ago may be at work
COPIED = ("worker.log", "events.jsonl", "accelerate.json", "queue.json")


def launch_ids(data: bytes | None) -> list[str]:
    """The launches in a launches.jsonl, oldest first.

    Raises:
        MergeConflict: one cannot be an id.
    """
    try:
        return [component(str(json.loads(line)["launch_id"])) for line in _whole(data)]
    except (ValueError, KeyError, TypeError) as error:
        raise MergeConflict("its launches.jsonl is damaged") from error


def _whole(data: bytes | None) -> list[bytes]:
    return [line for line in (data or b"").splitlines() if line.endswith(b"}")]


def united(ours: bytes, theirs: bytes) -> bytes:
    """Both launches.jsonl as one: each keeps its order, and what is new stands by its age."""
    lines = {json.loads(line)["launch_id"]: line for line in _whole(theirs) + _whole(ours)}
    order, there = launch_ids(ours), launch_ids(theirs)
    for index, name in enumerate(there):
        if name in order:
            continue
        before, behind = set(there[:index]), set(there[index:])
        place = max((i + 1 for i, other in enumerate(order) if other in before), default=0)
        # Ids begin with the time at which they were made.
        while place < len(order) and order[place] < name and order[place] not in behind:
            place += 1
        order.insert(place, name)
    return b"".join(lines[name] + b"\n" for name in order)


@dataclass
class HomeLaunches:
    """The launches of one home; what is asked twice is read once."""

    home: Home
    _launches: Launches = field(init=False)

    def __post_init__(self) -> None:
        self._launches = Launches(self.home)

    def views(self, names: Collection[str]) -> dict[str, LaunchView]:
        return self._launches.refresh(names)

    def with_predecessors(self, names: Collection[str]) -> dict[str, LaunchView]:
        """Those named, and all that they come after.

        Raises:
            Unfit: one comes after something that cannot be an id.
        """
        try:
            return self._launches.with_predecessors(self._launches.refresh(names))
        except UsageError as error:
            raise MergeConflict(error.message) from error

    def under_way(self, run_id: str, names: Collection[str]) -> LaunchView | None:
        """The launch that does, or is going to do, something for a run."""
        every = self.with_predecessors(names)
        own = [every[name] for name in names if name in every]
        return next((view for view in own if is_pending_for(view, run_id, every)), None)


def at_work_there(board: HomeLaunches, run_id: str, names: Collection[str], untouched: bool) -> str:
    """Why a run counts as live in the other home; empty when it is at rest.

    Whoever only waits there, with no supervisor that would start it, is at rest: the box may be
    gone, and what it did is worth having.

    Args:
        board: The other home's launches.
        run_id: The run.
        names: The launches that serve it.
        untouched: Whether nothing has been done for it yet.
    """
    for view in board.views(names).values():
        if view.state in WORKING_STATES or alive(view.paths):
            return f"its {view.spec.stage} launch {view.launch_id} is at work there"
        if view.done is None and (seconds := _written_elsewhere(view.paths)) is not None:
            return (
                f"its {view.spec.stage} launch {view.launch_id} wrote {seconds:.0f} s before this: "
                f"it may be at work on another box (quiet for {QUIET / 60:.0f} min, it comes over)"
            )
    waiting = board.under_way(run_id, names)
    if waiting is not None and lifecycle.supervisor_pid(board.home) is not None:
        return f"it waits there for {waiting.spec.stage}, and that home's supervisor is at work"
    if waiting is not None and untouched:
        return "it waits there, and nothing has been done for it yet"
    return ""


def _written_elsewhere(paths: LaunchPaths) -> float | None:
    """How long ago another box wrote to a launch, if that is not long; locks may not show here."""
    if _started(paths).get("host", socket.gethostname()) == socket.gethostname():
        return None
    ages = []
    for path in (paths.events, paths.log, paths.started):
        try:
            ages.append(abs(time.time() - path.lstat().st_mtime))
        except OSError:
            continue
    age = min(ages, default=QUIET)
    return age if age < QUIET else None


def _started(paths: LaunchPaths) -> dict[str, Any]:
    try:
        found = json.loads(content_if_there(paths.started) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def pieces_of(paths: LaunchPaths) -> list[FileCopy]:
    """What of a launch comes over: `done.json` last, as always.

    Raises:
        MergeConflict: it cannot be read here.
    """
    for _ in listed(paths.root):
        pass  # a symbolic link among its files
    spec = read_spec(paths)
    pieces = [_as_json("launch.json", _bare(spec).model_dump(mode="json"))]
    # Stands there for as long as the launch does: nobody here starts it, or tries it again.
    pieces.append(FileCopy("control/cancel"))
    names = [*COPIED, *(entry.name for entry in listed(paths.root) if _is_earlier(entry.name))]
    pieces += [FileCopy(name, paths.root / name) for name in names if (paths.root / name).exists()]
    if started := _started(paths):
        pieces.append(_as_json("started.json", {**started, "pid": None, "ticks": None}))
    if paths.done.exists():
        pieces.append(FileCopy("done.json", paths.done))
    else:
        pieces.append(_as_json("done.json", _unfinished(spec, started).model_dump(mode="json")))
    return pieces


def _is_earlier(name: str) -> bool:
    return name.startswith("done-") and name.endswith(".json")


def _as_json(place: str, value: Mapping[str, Any]) -> FileCopy:
    return FileCopy(place, data=json.dumps(value, indent=2).encode() + b"\n")


def read_spec(paths: LaunchPaths) -> LaunchSpec:
    """A launch's spec.

    Raises:
        MergeConflict: there is none of this version, or it is another launch's.
    """
    try:
        spec = LaunchSpec.model_validate_json(content_if_there(paths.spec) or b"")
    except ValidationError as error:
        raise MergeConflict(f"{paths.spec} is not of this version") from error
    if spec.launch_id != paths.root.name:
        raise MergeConflict(f"{paths.spec} is that of {spec.launch_id}")
    for name in (*spec.run_ids, *spec.after):
        component(name)
    return spec


def _bare(spec: LaunchSpec) -> LaunchSpec:
    """Without what only the home it was made in is to do: Slurm's job, the notification."""
    return spec.model_copy(update={"slurm": None, "notify": None})


def _unfinished(spec: LaunchSpec, started: Mapping[str, Any]) -> DoneRecord:
    """The end, here, of a launch that had none there."""
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


def changed(ours: LaunchPaths, theirs: LaunchPaths) -> list[FileCopy]:
    """What a merge changes of a launch that both homes have: only the end of an unfinished copy.

    Raises:
        MergeConflict: they are two launches of one id.
    """
    if _bare(read_spec(ours)) != _bare(read_spec(theirs)):
        raise MergeConflict(f"launch {ours.root.name} is another one here")
    if not is_unfinished_copy(ours):
        return []
    return [piece for piece in pieces_of(theirs) if not _is_here(ours.root / piece.place, piece)]


def is_unfinished_copy(paths: LaunchPaths) -> bool:
    """Whether a launch came from a merge, before it had ended where it ran."""
    try:
        found = DoneRecord.model_validate_json(paths.done.read_bytes())
    except (OSError, ValidationError):
        return False
    return found.title == UNFINISHED


def _is_here(path: Path, piece: FileCopy) -> bool:
    try:
        ours = path.read_bytes()
    except OSError:
        return False
    return ours == (piece.data if piece.source is None else content_if_there(piece.source))
