"""One run of another home: what of it comes over, and why it may not.

Promises: looking writes nothing; a run comes over as a whole or, where it is here already, as the
parts that are not; nothing is taken of one whose spec, or whose adapter of some step, is another
here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from experiments.tiny_world import weights_path
from wgen_tui.paths import Home, RunPaths
from wgen_tui.protocol.runs import CheckpointManifest, ResumeManifest, RunSpec
from wgen_tui.run_files.manifests import ManifestError, checkpoints, parse_manifest
from wgen_tui.services.merge import incoming_launches as theirs_launches
from wgen_tui.services.merge.file_copies import (
    PICKLES,
    FileCopy,
    component,
    content,
    content_if_there,
    listed,
    tree,
)
from wgen_tui.services.merge.incoming_parts import KEYS, all_parts, new_parts
from wgen_tui.services.merge.merge_report import MergeConflict, StepsDiffer
from wgen_tui.services.models.resolve import EMBEDDED
from wgen_tui.services.runs.runs import read_spec

Manifest = TypeVar("Manifest", CheckpointManifest, ResumeManifest)
PROBE = "probe.safetensors"  # logits, which differ by rounding from box to box
# What may differ between the specs of one run: when, by which versions, and where the weights lie.
ASIDE = ("created_at", "versions", "definition_hash")
PLACE = ("location", "trust_remote_code", "trust_pickle", "endpoint")


@dataclass
class IncomingRun:
    """What of a run comes over.

    Attributes:
        fresh: Whether the run is not here at all.
        launches: The launches that serve it there, oldest first.
    """

    run_id: str
    fresh: bool
    launches: list[str]
    pieces: list[FileCopy] = field(default_factory=list)
    checkpoints: tuple[int, ...] = ()
    samples: int = 0


def names(other: Home) -> list[str]:
    """The runs of the other home.

    Raises:
        MergeConflict: its folder of them cannot be read.
    """
    listed(other.launches)  # they are read by name: see that their folder is one
    found = listed(other.runs)
    return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]


def inspect_run(home: Home, other: Home, run_id: str) -> IncomingRun:
    """What of a run of `other` is not here.

    Raises:
        MergeConflict: nothing of it is taken.
    """
    theirs, ours = paths_there(other, run_id), home.run(run_id)
    for _ in tree(theirs.root):
        pass  # a symbolic link anywhere in it
    spec = spec_there(theirs, run_id)
    listed_there = content_if_there(theirs.launches) or b""
    fresh = not ours.root.exists()
    coming = IncomingRun(run_id, fresh, theirs_launches.launch_ids(listed_there))
    if fresh:
        _whole(coming, theirs, spec)
        return coming
    here = read_spec(home, run_id)
    if here is None:
        raise MergeConflict(f"{ours.spec} cannot be read")
    if different := _difference(here, spec):
        raise MergeConflict(f"the specs differ in {different}")
    _rest(coming, ours, theirs)
    lines = ours.launches.read_bytes() if ours.launches.exists() else b""
    united = theirs_launches.united(lines, listed_there)
    if theirs_launches.launch_ids(united) != theirs_launches.launch_ids(lines):
        coming.pieces.append(FileCopy(ours.launches.name, data=united))
    return coming


def paths_there(other: Home, run_id: str) -> RunPaths:
    """The files of a run of the other home.

    Raises:
        MergeConflict: its folder's name cannot be an id.
    """
    return other.run(component(run_id))


def spec_there(paths: RunPaths, run_id: str) -> RunSpec:
    """The spec of a run of another home.

    Raises:
        MergeConflict: there is none of this version, or it is another run's.
    """
    try:
        spec = RunSpec.model_validate_json(content(paths.spec))
    except ValidationError as error:
        raise MergeConflict("its spec.json is not of this version") from error
    if spec.run_id != run_id:
        raise MergeConflict(f"its spec.json is that of {spec.run_id}")
    return spec


def _difference(ours: RunSpec, theirs: RunSpec) -> str:
    """The first key in which two specs differ that make the run what it is."""
    one, two = _what_counts(ours), _what_counts(theirs)
    return next((key for key in one if one[key] != two[key]), "")


def _what_counts(spec: RunSpec) -> dict[str, Any]:
    found = spec.model_dump(mode="json", exclude=set(ASIDE))
    found["model"] = {key: value for key, value in found["model"].items() if key not in PLACE}
    return found


def _placed(spec: RunSpec) -> RunSpec:
    """The spec as it stands here: trusting nobody, the embedded model where it lies on this box."""
    place: dict[str, object] = {"trust_remote_code": False, "trust_pickle": False}
    if spec.model.name == EMBEDDED:
        place["location"] = str(weights_path())
    return spec.model_copy(update={"model": spec.model.model_copy(update=place)})


def _whole(coming: IncomingRun, theirs: RunPaths, spec: RunSpec) -> None:
    """All of a run that is not here; its spec last."""
    if content_if_there(theirs.data) is not None:
        coming.pieces.append(FileCopy(theirs.data.name, theirs.data, sha256=spec.data_sha256))
    coming.pieces += _checkpoints(coming, theirs, {})
    coming.pieces += _sealed(theirs, "resume", ResumeManifest)
    for kind in KEYS:
        found = all_parts(theirs.root / kind, kind)
        coming.pieces += found.pieces
        coming.samples += found.rows if kind == "samples" else 0
    for path in (theirs.metrics, theirs.verification, theirs.launches):
        if path.exists():
            coming.pieces.append(FileCopy(path.name, path))
    text = _placed(spec).model_dump_json(indent=2) + "\n"
    coming.pieces.append(FileCopy(theirs.spec.name, data=text.encode()))


def _rest(coming: IncomingRun, ours: RunPaths, theirs: RunPaths) -> None:
    """What a run lacks here.

    Raises:
        MergeConflict: a checkpoint of the run, here or there, is of another version.
    """
    try:
        here = checkpoints(ours)
    except ManifestError as error:
        raise MergeConflict(error.message) from error
    coming.pieces += _checkpoints(coming, theirs, here)
    for kind in KEYS:
        found = new_parts(ours.root / kind, theirs.root / kind, kind)
        coming.pieces += found.pieces
        coming.samples += found.rows if kind == "samples" else 0
    if (metrics := _metrics(ours, theirs)) is not None:
        coming.pieces.append(FileCopy(ours.metrics.name, data=metrics))
    if theirs.verification.exists() and not ours.verification.exists():
        coming.pieces.append(FileCopy(ours.verification.name, theirs.verification))


def _checkpoints(
    coming: IncomingRun, theirs: RunPaths, here: dict[int, CheckpointManifest]
) -> list[FileCopy]:
    """The complete checkpoints that are not here.

    Raises:
        MergeConflict: an adapter of some step is another here, or is a pickle.
    """
    pieces: list[FileCopy] = []

    def wanted(manifest: CheckpointManifest) -> bool:
        if (mine := here.get(manifest.step)) is None:
            coming.checkpoints = tuple(sorted((*coming.checkpoints, manifest.step)))
            return True
        one, two = _adapters(mine), _adapters(manifest)
        if one != two:
            name = next(name for name in (*one, *two) if one.get(name) != two.get(name))
            raise StepsDiffer(manifest.step, one.get(name, "none"), two.get(name, "none"))
        return False

    pieces += _sealed(theirs, "checkpoints", CheckpointManifest, wanted)
    return pieces


def _adapters(manifest: CheckpointManifest) -> dict[str, str]:
    """The hashes of its weights; configuration and probe say where and with what it was trained."""
    return {
        name: found
        for name, found in manifest.files.items()
        if name.endswith(".safetensors") and name != PROBE
    }


def _sealed(
    theirs: RunPaths,
    kind: str,
    model: type[Manifest],
    wanted: Callable[[Manifest], bool] = lambda _: True,
) -> list[FileCopy]:
    """The files of every folder that has its manifest: those that it names, and itself last."""
    pieces: list[FileCopy] = []
    for entry in listed(theirs.root / kind):
        folder = theirs.root / kind / component(entry.name)
        if (sealed := content_if_there(folder / "manifest.json")) is None:
            continue
        path = folder / "manifest.json"
        try:
            manifest = parse_manifest(sealed, path, model)
        except ManifestError as error:
            raise MergeConflict(error.message) from error
        if manifest is None:
            raise MergeConflict(f"{path} is damaged")
        if manifest.run_id != theirs.root.name or entry.name != f"step-{manifest.step}":
            raise MergeConflict(
                f"{folder} belongs to step {manifest.step} of run {manifest.run_id}"
            )
        if not wanted(manifest):
            continue
        unit = f"{kind}/{entry.name}"
        for name, sha in manifest.files.items():
            if name.lower().endswith(PICKLES):
                raise MergeConflict(f"{folder / name} is a pickle, which can run code")
            pieces.append(
                FileCopy(f"{unit}/{component(name)}", folder / name, sha256=sha, unit=unit)
            )
        pieces.append(FileCopy(f"{unit}/manifest.json", data=sealed, unit=unit))
    return pieces


def _metrics(ours: RunPaths, theirs: RunPaths) -> bytes | None:
    """Our metrics, and behind them the rows of steps that we have none of; None when there are none.

    What is there stays where it is: the database remembers how far it has read.
    """
    mine = ours.metrics.read_bytes() if ours.metrics.exists() else b""
    have = {step for step, _ in _steps(mine)}
    more = [line for step, line in _steps(content_if_there(theirs.metrics) or b"")]
    more = [line for line in more if json.loads(line)["step"] not in have]
    if not more:
        return None
    end = b"" if not mine or mine.endswith(b"\n") else b"\n"
    return mine + end + b"".join(line + b"\n" for line in more)


def _steps(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    for line in data.splitlines():
        try:
            found.append((int(json.loads(line)["step"]), line))
        except (ValueError, KeyError, TypeError):
            continue  # torn by a power cut
    return found
