"""Sampling the runs that share a base model.

Promises: a draw that is on disk is never made again; what is missing is made with the seed that
belongs to it, whatever it is batched with; parts reach the disk every few seconds, and what is drawn
is kept when the work is stopped; nothing is drawn or read from an adapter that is not proven
(`proof`). Adapters sit together on one base (`rack`); one that is more than a plain LoRA takes PEFT's
way, alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import peft
import torch
from peft import PeftModel

from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.limits import (
    MAX_ROWS,
    MAX_SAMPLED_ADAPTERS,
    SAMPLED_ADAPTERS_SHARE,
)
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.run_files.sample_writer import SampleWriter
from wgen_tui.workers.adapters import Adapter, NotStackable, read_adapter
from wgen_tui.workers.models import Base
from wgen_tui.workers.poly import read_task
from wgen_tui.workers.runtime import Cancelled, Worker
from wgen_tui.workers.sample.adapter_proof import LIMITS, Probe, check_files, prove, read_probe
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.forward import free_memory, rows_that_fit
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots
from wgen_tui.workers.sample.prompts import prepare, prepare_readouts
from wgen_tui.workers.sample.readouts import read_all, readout_rows
from wgen_tui.workers.sample.run_progress import (
    CheckpointWork,
    RunProgress,
    add_completion,
    steps_of,
)

PART_SECONDS = 3.0
POLL_SECONDS = 0.2  # between two looks whether a run was cancelled
PROVEN_AT_ONCE = 32


class Sampler:
    """The sampling of runs that share a base model."""

    def __init__(
        self, worker: Worker, base: Base, job: SampleStage, *, rough: bool = False
    ) -> None:
        """Get ready.

        Args:
            worker: Whose runs.
            base: The model, loaded.
            job: What to draw.
            rough: The base is quantised: adapters are proven as in half precision.
        """
        self._worker = worker
        self._base = base
        self._job = job
        self._ready = prepare(base, job)
        self._asked = {item.spec: item for item in prepare_readouts(base, job)}
        self._first = [
            *(p.ids for p in self._ready.values()),
            *(r.ids for r in self._asked.values()),
        ][0]
        self._rack = AdapterSlots(base.model)
        ends = end_tokens(base.model, base.tokenizer)
        self._style = SamplingParams(base.tokenizer, job.sampling, ends)
        most = worker.spec.rows or MAX_ROWS
        self._engine = Engine(base.model, self._style, self._rack, worker.note, most)
        self._limit = LIMITS["bf16" if rough else base.precision]
        self._versions = f"{base.engine} / peft {peft.__version__}"
        self._live: list[RunProgress] = []
        self._looked = self._flushed = time.monotonic()
        self._pause = PART_SECONDS

    def run(self, specs: Sequence[RunSpec]) -> None:
        """Make every missing draw of these runs; each gets its outcome."""
        try:
            for wave in self._waves(self._targets(specs)):
                try:
                    self._wave(wave)
                except Exception as error:  # of the pass that these shared
                    for target in wave:
                        target.run.fail(error)
                self._live = [run for run in self._live if not run.over]
        finally:
            for run in self._live:
                run.writer.flush()

    def _waves(self, targets: Iterable[CheckpointWork]) -> Iterator[list[CheckpointWork]]:
        """As many checkpoints at once as there is room for on the base; at least one."""
        room = SAMPLED_ADAPTERS_SHARE * free_memory(self._base.device)
        wave: list[CheckpointWork] = []
        size = 0
        for target in targets:
            own = _size(target)
            if wave and (len(wave) == MAX_SAMPLED_ADAPTERS or size + own > room):
                yield wave
                wave, size = [], 0
            wave.append(target)
            size += own
        if wave:
            yield wave

    def _targets(self, specs: Sequence[RunSpec]) -> Iterator[CheckpointWork]:
        """The checkpoints that lack draws; a run begins when its first is asked for."""
        for spec in specs:
            files = self._worker.run_paths(spec.run_id)
            writer = SampleWriter(spec, files, self._worker.spec.launch_id, self._job)
            run = RunProgress(self._worker, spec, files, writer)
            self._worker.begin_run(spec.run_id)
            try:
                self._worker.check_cancelled(spec.run_id)
                found = self._lacking(run)
            except Exception as error:  # the other runs still have their turn
                run.fail(error)
                continue
            if not found:
                self._worker.end_run(spec.run_id)
                continue
            self._live.append(run)
            yield from found

    def _lacking(self, run: RunProgress) -> list[CheckpointWork]:
        spec, job = run.spec, self._job
        steps = steps_of(run.files, spec, job)
        found = []
        for step in steps:
            readings = {key: self._asked[spec] for key, spec in run.writer.missing_readings(step)}
            draws = {
                Request(d.sample_id, self._ready[d.prompt.prompt_id].ids, d.seed): d
                for d in run.writer.missing(step)
            }
            if draws or readings:
                found.append(CheckpointWork(run, step, draws, readings))
                run.owns(draws)
        run.open = len(found)
        each = len(job.readouts) + sum(job.draws(prompt) for prompt in job.prompts)
        run.total = len(steps) * each
        run.done = run.total - sum(len(t.draws) + len(t.readings) for t in found)
        if found:
            self._write_prompts(run)
        return found

    def _write_prompts(self, run: RunProgress) -> None:
        drawn = ((prompt, self._ready[prompt.prompt_id].text) for prompt in self._job.prompts)
        read = ((item.spec.prompt, item.text) for item in self._asked.values())
        run.writer.write_prompts([*drawn, *read])

    def _wave(self, wave: Sequence[CheckpointWork]) -> None:
        """Draw from some checkpoints: those that sit on the base together, then the others."""
        seated: list[CheckpointWork] = []
        adapters: list[Adapter] = []
        others: list[CheckpointWork] = []
        for target in wave:
            if target.run.over:
                continue
            with _settling(target.run):
                if target.step == 0:
                    seated.append(target)
                elif (adapter := self._read(target)) is None:
                    others.append(target)
                else:
                    target.assign_slot(len(adapters))
                    adapters.append(adapter)
                    seated.append(target)
        try:
            self._rack.load(adapters)
            self._prove(seated)
            self._work(seated, self._engine)
        finally:
            self._rack.clear()
        for target in others:
            with _settling(target.run), self._alone(target) as engine:
                self._work([target], engine)

    def _read(self, target: CheckpointWork) -> Adapter | None:
        """The adapter of a checkpoint; None if it does not go on the rack."""
        folder = target.run.files.checkpoint(target.step)
        check_files(folder, self._manifest(target), target.run.run_id)
        task = target.run.spec.task
        try:
            return read_adapter(folder) if task is None else read_task(folder, task.index)
        except NotStackable as why:
            note = f"the adapter of step {target.step} is sampled by itself, with PEFT: {why}"
            self._worker.note(note, target.run.run_id)
            return None

    def _manifest(self, target: CheckpointWork) -> CheckpointManifest:
        return checkpoints(target.run.files)[target.step]

    @contextmanager
    def _alone(self, target: CheckpointWork) -> Iterator[Engine]:
        """A checkpoint with PEFT itself, proven; the base is as before afterwards."""
        probe = self._probe(target)
        base = self._engine.runner.prefill([probe.ids]).logits[0]
        folder = target.run.files.checkpoint(target.step)
        model = PeftModel.from_pretrained(self._base.model, folder).eval()
        try:
            engine = Engine(model, self._style, None, self._worker.note, self._engine.max_rows)
            own = engine.runner.prefill([probe.ids]).logits[0]
            self._judge(target, probe, own, base)
            yield engine
        finally:
            self._base.model = model.unload()

    def _probe(self, target: CheckpointWork) -> Probe:
        return read_probe(target.run.files.checkpoint(target.step), self._first)

    def _prove(self, targets: Sequence[CheckpointWork]) -> None:
        """Compare every adapter's logits with the base's and with training's; fail what is wrong."""
        probes: list[tuple[CheckpointWork, Probe]] = []
        for target in targets:
            with _settling(target.run):
                if target.slot != NO_SLOT:
                    probes.append((target, self._probe(target)))
        for start in range(0, len(probes), PROVEN_AT_ONCE):
            group = probes[start : start + PROVEN_AT_ONCE]
            prompts = list(dict.fromkeys(probe.ids for _, probe in group))
            found = self._engine.runner.prefill(
                [*prompts, *(probe.ids for _, probe in group)],
                [*(NO_SLOT for _ in prompts), *(target.slot for target, _ in group)],
            ).logits
            for (target, probe), own in zip(group, found[len(prompts) :], strict=True):
                with _settling(target.run):
                    self._judge(target, probe, own, found[prompts.index(probe.ids)])

    def _judge(
        self, target: CheckpointWork, probe: Probe, own: torch.Tensor, base: torch.Tensor
    ) -> None:
        if note := prove(probe, own, base, self._manifest(target), self._limit):
            self._worker.note(note, target.run.run_id)

    def _work(self, targets: Sequence[CheckpointWork], engine: Engine) -> None:
        """Read and draw what checkpoints lack that are proven."""
        going = [target for target in targets if not target.run.over]
        self._read_out(going, engine)
        left = {target: len(target.draws) for target in going}
        for target in going:
            if not left[target]:
                target.run.close()
        owners = {request: target for target in going for request in target.draws}
        queues = [list(target.draws) for target in going if target.draws]
        for drawn, way in engine.draw(queues, self._poll):
            target = owners[drawn.request]
            engine_name = f"{self._versions} / {way}"
            add_completion(target.run.writer, target.draws[drawn.request], drawn, engine_name)
            target.run.count()
            left[target] -= 1
            if left[target] == 0:
                target.run.close()

    def _read_out(self, targets: Sequence[CheckpointWork], engine: Engine) -> None:
        """Make the readings."""
        todo = [(target, key) for target in targets for key in target.readings]
        asked = [(target.readings[key], target.slot) for target, key in todo]
        longest = max((len(item.ids) for item, _ in asked), default=1)
        rows = rows_that_fit(self._base.model, longest, self._base.device)
        for number, found in read_all(engine.runner, self._base.tokenizer, asked, rows):
            target, key = todo[number]
            if target.run.over:
                continue
            rows_read = readout_rows(target.step, target.readings[key], found, key)
            target.run.writer.add_reading(rows_read, engine=self._versions)
            target.run.count()
            self._poll()

    def _poll(self) -> None:
        """Give up the runs that are to stop, and write what was drawn when it is time."""
        moment = time.monotonic()
        if moment - self._looked > POLL_SECONDS:
            self._looked = moment
            for run in self._live:
                if not run.over:
                    try:
                        self._worker.check_cancelled(run.run_id)
                    except Cancelled as stop:
                        run.fail(stop)
        if moment - self._flushed > self._pause:
            for run in self._live:
                run.writer.flush()
            self._flushed = time.monotonic()
            # Many runs, many files: writing takes a thirtieth of the time at most.
            self._pause = max(PART_SECONDS, 30 * (self._flushed - moment))


def _size(target: CheckpointWork) -> int:
    """Bytes of a checkpoint's weights on disk, which is what they take in fp32."""
    folder = target.run.files.checkpoint(target.step)
    return sum(path.stat().st_size for path in folder.glob("adapter_model.*"))


@contextmanager
def _settling(run: RunProgress) -> Iterator[None]:
    """What goes wrong inside ends this run, and no other."""
    try:
        yield
    except Exception as error:  # a bug or the machine is this run's outcome as well
        run.fail(error)
