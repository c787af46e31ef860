"""A teacher on the base: the bare model, or the proven adapter of a trained run.

Promises: an adapter that is not the one that was trained is refused, as for samples; the base is
bare again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peft import PeftModel

from wgen_tui.protocol.limits import MAX_ROWS
from wgen_tui.run_files.manifests import final_checkpoint
from wgen_tui.workers.adapters import NotStackable, read_adapter, unload
from wgen_tui.workers.models import Base
from wgen_tui.workers.module_calls import ModuleCalls
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.adapter_proof import LIMITS, check_files, prove, read_probe
from wgen_tui.workers.sample.engine.decode import SamplingParams
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

ADAPTER = "adapter_model.safetensors"


@dataclass(frozen=True)
class Teacher:
    """Who answers.

    Attributes:
        engine: Draws from it.
        slot: Its slot on the base.
        adapter: The SHA-256 of its weights; None: the base.
    """

    engine: Engine
    slot: int = NO_SLOT
    adapter: str | None = None


@contextmanager
def teacher_on(
    worker: Worker,
    base: Base,
    run_id: str | None,
    params: SamplingParams,
    fallback: tuple[int, ...],
) -> Iterator[Teacher]:
    """Have a teacher on the base.

    Args:
        worker: Of the launch.
        base: The model, bare.
        run_id: The run whose last adapter answers; None: the base itself.
        params: How it is drawn from.
        fallback: The prompt to prove the adapter by, if it brings none.

    Raises:
        WorkerError: the run is not trained, or its adapter is not proven.
    """
    most = worker.spec.rows or MAX_ROWS
    if run_id is None:
        yield Teacher(Engine(base.model, params, None, worker.note, most))
        return
    paths = worker.run_paths(run_id)
    manifest = final_checkpoint(paths)
    if manifest is None:
        raise WorkerError(
            f"The teacher {run_id} is not trained, so there are no rows to learn from.",
            title="No teacher",
            hint=f"See what became of it: wgen-tui run show {run_id}",
        )
    folder = paths.checkpoint(manifest.step)
    check_files(folder, manifest, run_id)
    probe = read_probe(folder, fallback)
    rough = worker.run_spec(run_id).training
    quantized = rough is not None and rough.quantization != "none"
    limit = LIMITS["bf16" if quantized else base.precision]
    sha256 = manifest.files[ADAPTER]

    def judge(engine: Engine, slots: list[int] | None, before: Any) -> None:
        own = engine.runner.prefill([probe.ids], slots).logits[0]
        if note := prove(probe, own, before, manifest, limit):
            worker.note(note, run_id)

    slots = AdapterSlots(base.model)
    try:
        adapter = read_adapter(folder)
        if why := ModuleCalls(base.model).why_not_stacked(adapter.weights):
            raise NotStackable(why)
    except NotStackable:
        yield from _by_peft(base, params, worker.note, most, str(folder), sha256, judge, probe.ids)
        return
    slots.load([adapter])
    try:
        engine = Engine(base.model, params, slots, worker.note, most)
        judge(engine, [0], engine.runner.prefill([probe.ids]).logits[0])
        yield Teacher(engine, 0, sha256)
    finally:
        slots.clear()


def _by_peft(
    base: Base,
    params: SamplingParams,
    note: Callable[[str], None],
    most: int,
    folder: str,
    sha256: str,
    judge: Callable[[Engine, None, Any], None],
    probe: tuple[int, ...],
) -> Iterator[Teacher]:
    """An adapter that PEFT has to load."""
    before = Engine(base.model, params, None, note, most).runner.prefill([probe]).logits[0]
    model: Any = PeftModel.from_pretrained(base.model, folder).eval()
    try:
        engine = Engine(model, params, None, note, most)
        judge(engine, None, before)
        yield Teacher(engine, NO_SLOT, sha256)
    finally:
        base.model = unload(model)
