"""What comes over of a run of another home, and why it may not.

Promises: writes nothing; a run that is new here comes over as a whole, any other as the files and
rows that this home lacks; a run is refused when its spec, or its adapter of some step, differs from
ours.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from experiments.tiny_world import weights_path
from wgen_tui.paths import Home, RunPaths
from wgen_tui.plain_files import parse
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec
from wgen_tui.run_files.manifests import ManifestError, checkpoints
from wgen_tui.run_files.model_place import EMBEDDED
from wgen_tui.services.merge.file_copies import (
    FileCopy,
    list_entries,
    read_file,
    read_file_if_any,
    read_here,
    safe_name,
    walk_files,
)
from wgen_tui.services.merge.incoming_checkpoints import new_checkpoints, resume_states
from wgen_tui.services.merge.incoming_launches import launch_ids, merge_launch_lists
from wgen_tui.services.merge.incoming_parts import KEYS, all_parts, new_parts
from wgen_tui.services.merge.merge_report import MergeConflict
from wgen_tui.services.runs.runs import read_spec

# What may differ between the specs of one run: when it was planned, by which versions, and where
# the model's weights are.
IGNORED_KEYS = ("created_at", "versions", "definition_hash")
IGNORED_MODEL_KEYS = ("location", "in_home", "trust_remote_code", "trust_pickle", "endpoint")


@dataclass
class IncomingRun:
    """What comes over of a run.

    Attributes:
        is_new: Whether this home does not have the run at all.
        launches: The launches that serve it there, oldest first.
        files: What is copied, in this order.
        checkpoints: The steps that come over.
        samples: How many come over.
    """

    run_id: str
    is_new: bool
    launches: list[str]
    files: list[FileCopy] = field(default_factory=list)
    checkpoints: tuple[int, ...] = ()
    samples: int = 0


def runs_there(other: Home) -> list[os.DirEntry[str]]:
    """What lies in the other home's folder of runs, odd entries too.

    Raises:
        MergeConflict: the folder cannot be read.
    """
    list_entries(other.launches)  # refuses a link: launches are read by name, not from a list
    return list_entries(other.runs)


def inspect_run(home: Home, other: Home, run_id: str) -> IncomingRun:
    """Compare a run of the other home with this one, and list what to copy.

    Raises:
        MergeConflict: the run is refused.
    """
    theirs, ours = paths_there(other, run_id), home.run(run_id)
    for _ in walk_files(theirs.root):
        pass  # refuses a symbolic link anywhere in it
    spec = spec_there(theirs, run_id)
    listed_there = read_file_if_any(theirs.launches) or b""
    is_new = not ours.root.exists()
    incoming = IncomingRun(run_id, is_new, launch_ids(listed_there))
    if is_new:
        _add_everything(incoming, theirs, spec)
        return incoming
    here = read_spec(home, run_id)
    if here is None:
        raise MergeConflict(f"{ours.spec} cannot be read")
    if here.model.commit != spec.model.commit:
        mine, other_commit = (item.model.commit or "none kept" for item in (here, spec))
        raise MergeConflict(f"the base model's commits differ: {mine} here, {other_commit} there")
    if different := _differing_key(here, spec):
        raise MergeConflict(f"the specs differ in {different}")
    _add_missing(incoming, ours, theirs)
    lines = read_here(ours.launches)
    merged = merge_launch_lists(lines, listed_there)
    if launch_ids(merged) != launch_ids(lines):
        incoming.files.append(FileCopy(ours.launches.name, data=merged))
    return incoming


def paths_there(other: Home, run_id: str) -> RunPaths:
    """The paths of a run of the other home.

    Raises:
        MergeConflict: its folder's name cannot be an id.
    """
    return other.run(safe_name(run_id))


def spec_there(paths: RunPaths, run_id: str) -> RunSpec:
    """The spec of a run of another home.

    Raises:
        MergeConflict: there is none of this version, or it is another run's.
    """
    try:
        spec = RunSpec.model_validate_json(read_file(paths.spec))
    except ValidationError as error:
        raise MergeConflict("its spec.json cannot be read by this version") from error
    if spec.run_id != run_id:
        raise MergeConflict(f"its spec.json belongs to {spec.run_id}")
    return spec


def _differing_key(ours: RunSpec, theirs: RunSpec) -> str:
    """The first key in which two specs describe different runs; empty when they agree."""
    mine, other = _identity(ours), _identity(theirs)
    return next((key for key in mine if mine[key] != other[key]), "")


def _identity(spec: RunSpec) -> dict[str, Any]:
    """What makes a run the run it is."""
    identity = spec.model_dump(mode="json", exclude=set(IGNORED_KEYS))
    identity["model"] = {
        key: value for key, value in identity["model"].items() if key not in IGNORED_MODEL_KEYS
    }
    return identity


def _localised(spec: RunSpec) -> RunSpec:
    """The spec for this home: trusts no code, and finds the embedded model where it is here."""
    place: dict[str, object] = {"trust_remote_code": False, "trust_pickle": False}
    if spec.model.name == EMBEDDED:
        place["location"] = str(weights_path())
    return spec.model_copy(update={"model": spec.model.model_copy(update=place)})


def _add_everything(incoming: IncomingRun, theirs: RunPaths, spec: RunSpec) -> None:
    """Add all files of a new run; its spec last."""
    if read_file_if_any(theirs.data) is not None:
        incoming.files.append(FileCopy(theirs.data.name, theirs.data, sha256=spec.data_sha256))
    if spec.regularise is not None and read_file_if_any(theirs.regularise) is not None:
        rows = FileCopy(theirs.regularise.name, theirs.regularise, sha256=spec.regularise.sha256)
        incoming.files.append(rows)
    for path in (theirs.asked, theirs.derived, theirs.judged, theirs.classes, theirs.upsampled):
        made = spec.derived is not None or spec.upsample is not None
        if made and read_file_if_any(path) is not None:
            incoming.files.append(FileCopy(path.name, path))
    _add_checkpoints(incoming, theirs, {})
    incoming.files += resume_states(theirs)
    for kind in KEYS:
        parts = all_parts(theirs.root / kind, kind)
        incoming.files += parts.files
        incoming.samples += parts.rows if kind == "samples" else 0
    for path in (theirs.metrics, theirs.verification, theirs.launches):
        if path.exists():
            incoming.files.append(FileCopy(path.name, path))
    text = _localised(spec).model_dump_json(indent=2) + "\n"
    incoming.files.append(FileCopy(theirs.spec.name, data=text.encode()))


def _add_missing(incoming: IncomingRun, ours: RunPaths, theirs: RunPaths) -> None:
    """Add the files and rows that our run lacks.

    Raises:
        MergeConflict: a checkpoint of the run, here or there, is of another version.
    """
    try:
        here = checkpoints(ours)
    except ManifestError as error:
        raise MergeConflict(error.message) from error
    _add_checkpoints(incoming, theirs, here)
    for kind in KEYS:
        parts = new_parts(ours.root / kind, theirs.root / kind, kind)
        incoming.files += parts.files
        incoming.samples += parts.rows if kind == "samples" else 0
    if (metrics := _merged_metrics(ours, theirs)) is not None:
        incoming.files.append(FileCopy(ours.metrics.name, data=metrics))
    if theirs.verification.exists() and not ours.verification.exists():
        incoming.files.append(FileCopy(ours.verification.name, theirs.verification))


def _add_checkpoints(
    incoming: IncomingRun, theirs: RunPaths, here: dict[int, CheckpointManifest]
) -> None:
    new = new_checkpoints(theirs, here)
    incoming.files += new.files
    incoming.checkpoints = new.steps


def _merged_metrics(ours: RunPaths, theirs: RunPaths) -> bytes | None:
    """Our metrics.jsonl with the rows of steps that it lacks; None when it lacks none.

    Rows are appended, never inserted: the database remembers how far it has read the file.
    """
    mine = read_here(ours.metrics)
    have = {step for step, _ in _metric_rows(mine)}
    other = read_file_if_any(theirs.metrics) or b""
    new = [line for step, line in _metric_rows(other) if step not in have]
    if not new:
        return None
    end = b"" if not mine or mine.endswith(b"\n") else b"\n"
    return mine + end + b"".join(line + b"\n" for line in new)


def _metric_rows(data: bytes) -> list[tuple[int, bytes]]:
    rows = []
    for line in data.splitlines():
        try:
            rows.append((int(parse(line)["step"]), line))
        except (ValueError, KeyError, TypeError):
            continue  # torn by a power cut
    return rows
