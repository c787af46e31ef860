"""Puts the adapters of checkpoints on their base, and proves them before anything is drawn.

Promises: plain LoRA adapters share one base, each in a slot; one that is more than that is loaded
by PEFT, alone. Whatever is wrong with an adapter ends its own run only; the base is as before
afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.workers.adapters import Adapter, NotStackable, read_adapter, unload
from wgen_tui.workers.models import Base
from wgen_tui.workers.module_calls import ModuleCalls
from wgen_tui.workers.poly import read_task
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.adapter_proof import Probe, check_files, prove, read_probe
from wgen_tui.workers.sample.engine.decode import SamplingParams
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots
from wgen_tui.workers.sample.run_progress import CheckpointWork

PROVEN_AT_ONCE = 32


@dataclass(frozen=True)
class LoadedWave:
    """Checkpoints that are drawn from together.

    Attributes:
        stacked: Those that share the base: the untrained one, and plain LoRA adapters.
        alone: Those that need PEFT, one at a time.
    """

    stacked: list[CheckpointWork]
    alone: list[CheckpointWork]


class AdapterLoader:
    """Loads checkpoints for sampling.

    Attributes:
        engine: Draws from the base and the adapters in its slots.
    """

    def __init__(
        self,
        worker: Worker,
        base: Base,
        params: SamplingParams,
        *,
        max_rows: int,
        fallback_probe: tuple[int, ...],
        limit: float,
    ) -> None:
        """Take a loaded base.

        Args:
            worker: Whose runs.
            base: The model.
            params: How to draw.
            max_rows: Most draws made together.
            fallback_probe: The prompt to prove an adapter by that brings no probe.
            limit: How far logits may be from those at the end of training.
        """
        self._worker = worker
        self._base = base
        self._params = params
        self._fallback_probe = fallback_probe
        self._limit = limit
        self._slots = AdapterSlots(base.model)
        self._calls = ModuleCalls(base.model)
        self.engine = Engine(base.model, params, self._slots, worker.note, max_rows)

    @contextmanager
    def load(self, wave: Sequence[CheckpointWork]) -> Iterator[LoadedWave]:
        """Have the adapters that can share the base on it, proven; afterwards it is bare again."""
        # 1. Read the adapters; what PEFT has to load waits.
        stacked: list[CheckpointWork] = []
        alone: list[CheckpointWork] = []
        adapters: list[Adapter] = []
        for work in wave:
            if work.run.ended:
                continue
            with work.guard():
                if work.step == 0:
                    stacked.append(work)
                elif (adapter := self._read(work)) is None:
                    alone.append(work)
                else:
                    work.assign_slot(len(adapters))
                    adapters.append(adapter)
                    stacked.append(work)

        # 2. Put them on the base, and prove each by its probe.
        try:
            self._slots.load(adapters)
            for work in stacked:
                work.scale(self._slots)
            self._prove(stacked)
            yield LoadedWave(stacked, alone)
        finally:
            self._slots.clear()

    @contextmanager
    def load_alone(self, work: CheckpointWork) -> Iterator[Engine]:
        """Have one checkpoint on the base as PEFT loads it, proven; afterwards it is bare again.

        Raises:
            WorkerError: it is to count other than it was trained, or is not proven.
        """
        if work.alphas - {1.0}:
            raise WorkerError(
                "A variant says alpha, and this adapter cannot be scaled: it is more than the "
                "plain LoRA whose product is added to the base.",
                title="Adapter cannot be scaled",
                hint="Leave alpha out for it, or train it with plain LoRA.",
            )
        probe = self._probe(work)
        base_logits = self.engine.runner.prefill([probe.ids]).logits[0]
        model: Any = PeftModel.from_pretrained(self._base.model, self._folder(work)).eval()
        try:
            engine = Engine(model, self._params, None, self._worker.note, self.engine.max_rows)
            logits = engine.runner.prefill([probe.ids]).logits[0]
            self._judge(work, probe, logits, base_logits)
            yield engine
        finally:
            self._base.model = unload(model)

    def _read(self, work: CheckpointWork) -> Adapter | None:
        """The adapter of a checkpoint; None if it cannot share the base."""
        check_files(self._folder(work), self._manifest(work), work.run.run_id)
        task = work.run.spec.task
        try:
            folder = self._folder(work)
            adapter = read_adapter(folder) if task is None else read_task(folder, task.index)
            if why := self._calls.why_not_stacked(adapter.weights):
                raise NotStackable(why)
            return adapter
        except NotStackable as why:
            note = f"the adapter of step {work.step} is sampled by itself, with PEFT: {why}"
            self._worker.note(note, work.run.run_id)
            return None

    def _prove(self, stacked: Sequence[CheckpointWork]) -> None:
        """Compare each adapter's logits with the base's and training's; fail what is wrong."""
        probes: list[tuple[CheckpointWork, Probe]] = []
        for work in stacked:
            with work.guard():
                if work.slot != NO_SLOT:
                    probes.append((work, self._probe(work)))
        for start in range(0, len(probes), PROVEN_AT_ONCE):
            group = probes[start : start + PROVEN_AT_ONCE]
            # Each distinct probe through the base, then each through its adapter, in one pass.
            prompts = list(dict.fromkeys(probe.ids for _, probe in group))
            logits = self.engine.runner.prefill(
                [*prompts, *(probe.ids for _, probe in group)],
                [*(NO_SLOT for _ in prompts), *(work.slot for work, _ in group)],
            ).logits  # [prompts + group, vocabulary]
            for (work, probe), own in zip(group, logits[len(prompts) :], strict=True):
                with work.guard():
                    self._judge(work, probe, own, logits[prompts.index(probe.ids)])

    def _judge(
        self, work: CheckpointWork, probe: Probe, own: torch.Tensor, base: torch.Tensor
    ) -> None:
        if note := prove(probe, own, base, self._manifest(work), self._limit):
            self._worker.note(note, work.run.run_id)

    def _probe(self, work: CheckpointWork) -> Probe:
        return read_probe(self._folder(work), self._fallback_probe)

    def _manifest(self, work: CheckpointWork) -> CheckpointManifest:
        return checkpoints(work.run.files)[work.step]

    def _folder(self, work: CheckpointWork) -> Path:
        return work.run.files.checkpoint(work.step)
