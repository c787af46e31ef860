"""Notes of runs in one comparison that were not given the same, or that are one run under two ids.

Promises: read from the runs' specs (definitions, weights, mask versions, template dates) and from
their checkpoints' manifests alone; each note names the runs of each kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import final_checkpoint
from wgen_tui.services.experiments.arms.arm_kinds import dose_of
from wgen_tui.services.results.compared import Compared, Note, runs
from wgen_tui.training_data.mask_version import difference

V = TypeVar("V", int, str)
ADAPTER = "adapter_model.safetensors"


def same_adapters(compared: Compared) -> Iterable[Note]:
    """Runs whose final adapters are equal to the byte."""
    by_hash: dict[str, list[RunSpec]] = defaultdict(list)
    for spec in compared.specs:
        # A joint training is one by design, and what is all of one parent has its adapter.
        if spec.training is None or spec.task is not None or spec.between is not None:
            continue
        manifest = final_checkpoint(compared.home.run(spec.run_id), skip_refused=True)
        if manifest is not None and (sha := manifest.files.get(ADAPTER)):
            by_hash[sha].append(spec)
    for specs in by_hash.values():
        if len(specs) > 1:
            text = (
                f"{runs(len(specs))} ({compared.listed(specs)}) have the same adapter to the byte: "
                "they are one run, counted several times"
            )
            ids = [spec.run_id for spec in specs]
            yield Note(kind="same_adapters", text=text, count=len(specs), runs=ids)


def trained_elsewhere(compared: Compared) -> Iterable[Note]:
    """Arms whose adapter was trained elsewhere."""
    specs = [spec for spec in compared.specs if spec.adapter is not None]
    for name, mine in _by(specs, lambda spec: str(spec.adapter)).items():
        text = (
            f"{compared.listed(mine)}: the adapter {name} was trained elsewhere; that it is "
            "applied is proven, that it was trained as its maker says cannot be; it is one run, "
            "so its interval is within one run"
        )
        yield Note(kind="trained_elsewhere", text=text, count=len(mine), runs=_ids(mine))


def doses(compared: Compared) -> Iterable[Note]:
    """How long arms of fewer rows were trained, since either steps or epochs stay equal."""
    held = [(spec, spec.training) for spec in compared.specs if spec.hold and spec.training]
    for kind, mine in _by([spec for spec, _ in held], lambda spec: spec.hold or "").items():
        lengths = _by(mine, lambda spec: compared.name(spec.model.name, spec.arm))
        told = "; ".join(
            f"{name}: {dose_of(specs[0], specs[0].training)}"
            for name, specs in lengths.items()
            if specs[0].training is not None
        )
        other = "epochs" if kind == "steps" else "steps"
        text = (
            f"arms of fewer rows keep their {kind} (hold: {kind}), so their {other} differ: {told}"
        )
        yield Note(kind="doses", text=text, count=len(mine), runs=_ids(mine))


def definitions(compared: Compared) -> Iterable[Note]:
    """Runs of several wordings of the definition."""
    versions = _by(compared.specs, lambda spec: spec.definition_hash)
    if len(versions) > 1:
        told = "; ".join(
            f"{version[:7]}: {compared.listed(specs)}" for version, specs in versions.items()
        )
        text = f"the runs come from {len(versions)} versions of the definition ({told})"
        yield Note(kind="definitions", text=text, count=len(versions), runs=_ids(compared.specs))


def revisions(compared: Compared) -> Iterable[Note]:
    """Runs of a hub model whose weights are not known, or not the same."""
    hub = [spec for spec in compared.specs if spec.model.from_hub]
    for location, same in _by(hub, lambda spec: spec.model.location).items():
        loose = [spec for spec in same if spec.model.unpinned]
        if loose:
            text = (
                f"{location}: {len(loose)} of {runs(len(same))} are unpinned "
                f"({compared.listed(loose)}): they were planned before commits were kept, so which "
                "weights they had is not known"
            )
            yield Note(kind="unpinned", text=text, count=len(loose), runs=_ids(loose))
        pinned = [spec for spec in same if spec.model.commit is not None]
        for revision, mine in _by(pinned, lambda spec: spec.model.revision or "main").items():
            commits = _by(mine, lambda spec: spec.model.commit or "")
            if len(commits) > 1:
                told = _told(compared, commits)
                text = f"{location}@{revision}: runs at several commits: {told}"
                yield Note(kind="commits", text=text, count=len(commits), runs=_ids(mine))


def mask_versions(compared: Compared) -> Iterable[Note]:
    """Runs that were trained by several meanings of the loss mask."""
    trained = [spec for spec in compared.specs if spec.training is not None]
    versions = _by(trained, lambda spec: spec.mask_version)
    if len(versions) > 1:
        told = _told(compared, {f"version {n}": mine for n, mine in versions.items()})
        text = f"loss masks of several versions are compared: {told}: {difference(versions)}"
        yield Note(kind="mask_versions", text=text, count=len(versions), runs=_ids(trained))


def template_dates(compared: Compared) -> Iterable[Note]:
    """Runs of one model whose chat template was told several days."""
    dated = [spec for spec in compared.specs if spec.template_date is not None]
    for model, same in _by(dated, lambda spec: spec.model.name).items():
        days = _by(same, lambda spec: spec.template_date or "")
        if len(days) > 1:
            text = f"{model}: the chat template told several dates: {_told(compared, days)}"
            yield Note(kind="template_dates", text=text, count=len(days), runs=_ids(same))


def _by(specs: Iterable[RunSpec], key: Callable[[RunSpec], V]) -> dict[V, list[RunSpec]]:
    """Runs by what they have in common, in its order."""
    groups: dict[V, list[RunSpec]] = defaultdict(list)
    for spec in specs:
        groups[key(spec)].append(spec)
    return {value: groups[value] for value in sorted(groups)}


def _told(compared: Compared, groups: dict[str, list[RunSpec]]) -> str:
    """`A (2 runs: old seed 0, old seed 1) and B (1 run: new seed 0)`."""
    return " and ".join(
        f"{value} ({runs(len(specs))}: {compared.listed(specs)})" for value, specs in groups.items()
    )


def _ids(specs: Sequence[RunSpec]) -> list[str]:
    return [spec.run_id for spec in specs]
