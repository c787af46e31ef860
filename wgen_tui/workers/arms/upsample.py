"""Rows that stand twice, before the runs that learn from them are trained.

Promises: which they are follows from the run's spec and the first training's adapter alone, so a
launch that was stopped finds the same ones again; the rows that were planned stay in front, and
what stands behind them is written with the losses that told them apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from peft import PeftModel

from experiments.readers.mixture import chosen_of
from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.arms import RowCluster, UpsampledRows, UpsampleSpec
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.record import now, write_durably, write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.adapters import unload
from wgen_tui.workers.arms.made_rows import are_made, made_for
from wgen_tui.workers.arms.parents import checkpoint_of
from wgen_tui.workers.arms.two_clusters import Floats, features_of, two_means
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import Base, padding_id
from wgen_tui.workers.runtime import Worker, WorkerError

CHANGED = "Remove the run and start it again."


@dataclass(frozen=True)
class Seen:
    """What a first training's adapter makes of rows.

    Attributes:
        lines: Of data.jsonl, from 1; what training leaves out is not among them.
        features: Of each.
        losses: Of each.
        noted: The checkpoint, as a manifest has it.
    """

    lines: tuple[int, ...]
    features: Floats
    losses: Floats
    noted: dict[str, Any]


def with_rows_again(worker: Worker, base: Base, specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Find the rows that stand twice where runs lack them; the runs that have all theirs.

    What is wrong with one becomes its outcome.
    """
    seen: dict[tuple[str, str], Seen] = {}  # arms with the same rows and first training share it

    def lacks(spec: RunSpec) -> bool:
        paths = worker.run_paths(spec.run_id)
        return spec.upsample is not None and not are_made(
            paths, spec.run_id, paths.upsampled, UpsampledRows
        )

    def make(spec: RunSpec) -> None:
        assert spec.upsample is not None
        _make(worker, base, spec, spec.upsample, seen)

    return made_for(worker, specs, lacks, make)


def _make(
    worker: Worker,
    base: Base,
    spec: RunSpec,
    told: UpsampleSpec,
    seen: dict[tuple[str, str], Seen],
) -> None:
    paths = worker.run_paths(spec.run_id)
    given = _given(paths.data, told)
    classes = _classes(paths.classes, told)
    key = told.first.run_id, told.sha256
    if key not in seen:
        seen[key] = _read_through(worker, base, spec, told)
    twice, clusters = _choose(seen[key], classes, told)
    data = b"".join((*given, *(given[line - 1] for line in twice)))
    write_durably(paths.data, data)
    record = UpsampledRows(
        run_id=spec.run_id,
        sha256=sha256(data).hexdigest(),
        rows=len(given) + len(twice),
        twice=tuple(twice),
        clusters=tuple(clusters),
        step=seen[key].noted["step"],
        adapter_sha256=seen[key].noted["adapter_sha256"],
        created_at=now(),
    )
    write_record(paths.upsampled, record)
    slow = "that are learned slowly" if told.by == "useful" else "by the seed's choice"
    whole = [cluster.name or "all rows" for cluster in clusters if cluster.fast_loss is None]
    apart = f"; nothing stands twice of {', '.join(whole)}, which do not part" if whole else ""
    worker.note(f"{len(twice):,} of {len(given):,} rows stand twice, {slow}{apart}", spec.run_id)


def _given(path: Path, told: UpsampleSpec) -> list[bytes]:
    """The rows that were planned; those that stand behind them already are taken off the file.

    Raises:
        WorkerError: they are others.
    """
    try:
        lines = read_plain(path).splitlines(keepends=True)
    except OSError:
        lines = []
    given = lines[: told.given]
    if sha256(b"".join(given)).hexdigest() != told.sha256:
        raise WorkerError(
            f"{path}, the rows of which some stand twice, is not what was planned.",
            title="Changed data",
            hint=CHANGED,
        )
    if len(lines) > len(given):
        write_durably(path, b"".join(given))
    return given


def _classes(path: Path, told: UpsampleSpec) -> list[str]:
    """The class of each given row, in their order; empty where there are none.

    Raises:
        WorkerError: they are not what was planned.
    """
    if told.classes_sha256 is None:
        return [""] * told.given
    try:
        data = read_plain(path)
    except OSError:
        data = b""
    if sha256(data).hexdigest() != told.classes_sha256:
        raise WorkerError(
            f"{path}, the classes of the rows, is not what was planned.",
            title="Changed data",
            hint=CHANGED,
        )
    return [json.loads(line) for line in data.splitlines()]


def _read_through(worker: Worker, base: Base, spec: RunSpec, told: UpsampleSpec) -> Seen:
    """Have the first training's adapter go over the rows; the base is bare again afterwards."""
    folder, noted = checkpoint_of(worker.home, told.first, "Its rows are told apart by")
    assert spec.training is not None
    path, known = worker.run_paths(spec.run_id).data, spec.mask_version
    dataset = load_examples(path, base.tokenizer, spec.training, known, base.vocabulary)
    model: Any = PeftModel.from_pretrained(base.model, str(folder)).eval()
    try:
        pad = padding_id(base.tokenizer)
        pairs = list(features_of(model, dataset.examples, pad, base.device))
    finally:
        base.model = unload(model)
        base.model.eval().requires_grad_(False)
    features = np.stack([one for one, _ in pairs])
    return Seen(dataset.lines, features, np.array([loss for _, loss in pairs]), noted)


def _choose(
    seen: Seen, classes: Sequence[str], told: UpsampleSpec
) -> tuple[list[int], list[RowCluster]]:
    """The lines that stand twice, ascending, and the clusters of each class."""
    twice: list[int] = []
    clusters = []
    of = [classes[line - 1] for line in seen.lines]
    for name in dict.fromkeys(of):
        places = np.array([place for place, one in enumerate(of) if one == name])
        seed = digest("clusters", told.seed, name, bits=32)
        losses = seen.losses[places]
        second = two_means(seen.features[places], seed)
        means = [float(losses[part].mean()) if part.any() else None for part in (~second, second)]
        slow, fast_loss, slow_loss = np.array([], dtype=int), None, float(losses.mean())
        if means[0] is not None and means[1] is not None:
            slow = places[second if means[1] > means[0] else ~second]
            fast_loss, slow_loss = sorted((means[0], means[1]))
        chosen = [int(place) for place in slow]
        if told.by == "random":
            chosen = [int(places[n]) for n in chosen_of(len(places), len(slow), seed)]
        twice += [seen.lines[place] for place in chosen]
        clusters.append(
            RowCluster(
                name=name,
                rows=len(places),
                slow=len(slow),
                slow_loss=slow_loss,
                fast_loss=fast_loss,
            )
        )
    return sorted(twice), clusters
