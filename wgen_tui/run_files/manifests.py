"""Checkpoints and resume states of a run: a folder counts once its manifest.json is there.

Promises: plan, worker and `doctor` read manifests with this code alone. A folder without a
manifest, or with a torn one, counts as not there; a manifest that another version wrote is refused
and named, so its folder is neither misread nor taken for missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from experiments.seen_files import Stamp, stamp
from wgen_tui.errors import UsageError
from wgen_tui.paths import RunPaths
from wgen_tui.plain_files import parse, read_plain, why_not
from wgen_tui.protocol.record import SCHEMA, Record
from wgen_tui.protocol.runs import CheckpointManifest, ResumeManifest

MANIFEST = "manifest.json"
Manifest = TypeVar("Manifest", bound=Record)


class ManifestError(UsageError):
    """A manifest is there, and this version cannot read it."""


def checkpoints(run: RunPaths, *, skip_refused: bool = False) -> dict[int, CheckpointManifest]:
    """The complete checkpoints of a run by step, ascending.

    Args:
        run: The run's files.
        skip_refused: Leave out what this version cannot read: for lists and estimates, which must
            go on. What starts work must not: it would train over such a checkpoint.

    Raises:
        ManifestError: another version wrote one of them.
    """
    manifests = []
    for path in run.checkpoints.glob(f"step-*/{MANIFEST}"):
        try:
            manifest = read_manifest(path.parent, CheckpointManifest)
        except ManifestError:
            if not skip_refused:
                raise
            continue
        if manifest is not None:
            manifests.append(manifest)
    return {manifest.step: manifest for manifest in sorted(manifests, key=lambda item: item.step)}


def final_checkpoint(run: RunPaths, *, skip_refused: bool = False) -> CheckpointManifest | None:
    """The last checkpoint of a run whose training is done; else None.

    Args:
        run: The run's files.
        skip_refused: As for `checkpoints`.

    Raises:
        ManifestError: another version wrote a checkpoint of the run.
    """
    manifests = checkpoints(run, skip_refused=skip_refused)
    return next((manifest for manifest in manifests.values() if manifest.final), None)


class FinalCheckpoints:
    """The final checkpoints of runs, for lists: one that is there is not read again."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[Stamp, CheckpointManifest]] = {}

    def of(self, run: RunPaths) -> CheckpointManifest | None:
        """The final checkpoint of a run, if this version can read it."""
        now = stamp(run.checkpoints)
        if now is None:
            return None
        seen = self._seen.get(run.checkpoints)
        if seen is not None and seen[0] == now:
            return seen[1]
        final = final_checkpoint(run, skip_refused=True)
        if final is not None:
            self._seen[run.checkpoints] = now, final
        return final


def is_trained(run: RunPaths) -> bool:
    """Whether the final checkpoint is there.

    Raises:
        ManifestError: another version wrote a checkpoint of the run.
    """
    return final_checkpoint(run) is not None


def refused_manifests(run: RunPaths) -> Iterator[ManifestError]:
    """Why each manifest of a run that this version cannot read is refused."""
    kinds: tuple[tuple[Path, type[Record]], ...] = (
        (run.checkpoints, CheckpointManifest),
        (run.resume, ResumeManifest),
    )
    for folder, kind in kinds:
        for path in sorted(folder.glob(f"step-*/{MANIFEST}")):
            try:
                read_manifest(path.parent, kind)
            except ManifestError as refusal:
                yield refusal


def refuse_other_versions(run: RunPaths) -> None:
    """Refuse a run that another version has worked on.

    Raises:
        ManifestError: another version wrote a checkpoint, or a state to resume from.
    """
    for refusal in refused_manifests(run):
        raise refusal


def read_manifest(folder: Path, kind: type[Manifest]) -> Manifest | None:
    """The manifest of a folder; None where there is none, or half of one.

    Raises:
        ManifestError: another version wrote it, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        data = read_plain(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be read: {why_not(error)}.",
            title="Unreadable checkpoint",
            hint="Make it readable; without it the run would be trained again.",
        ) from error
    return parse_manifest(data, path, kind)


def parse_manifest(data: bytes, path: Path, kind: type[Manifest]) -> Manifest | None:
    """The manifest in the bytes of a file; None where a kill tore it.

    Raises:
        ManifestError: another version wrote it.
    """
    try:
        fields = parse(data)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    version = fields.get("schema_version", SCHEMA)
    if version != SCHEMA:
        raise _other_version(path, version, "")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise _other_version(
            path, version, f", but {key!r} is not as it should be there"
        ) from error


def _other_version(path: Path, version: object, but: str) -> ManifestError:
    newer = isinstance(version, int) and version > SCHEMA
    install = "Upgrade wgen-tui" if newer else "Install the version of wgen-tui that wrote it"
    return ManifestError(
        f"{path} was made by {'a newer' if newer else 'another'} version "
        f"(schema {version}; this version reads {SCHEMA}{but}).",
        title="Made by another version",
        hint=f"{install}, or move the folder {path.parent} away to train without it.",
    )
