"""Samples the runs that share a base model.

Promises: a draw that is on disk is never made again; what is missing is made with the seed that
belongs to it, whatever it is batched with; parts reach the disk every few seconds, and what is
drawn is kept when the work is stopped; nothing is drawn or read from an adapter that is not proven
(`adapter_proof`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import peft

from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.limits import (
    MAX_ROWS,
    MAX_SAMPLED_ADAPTERS,
    SAMPLED_ADAPTERS_SHARE,
)
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.sample_writer import SampleWriter
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Cancelled, Worker
from wgen_tui.workers.sample.adapter_loader import AdapterLoader
from wgen_tui.workers.sample.adapter_proof import LIMITS
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.forward import free_memory, rows_that_fit
from wgen_tui.workers.sample.engine.state_check import refuse_lost_state
from wgen_tui.workers.sample.held_out import HeldOutRow, HeldOutRows, Score, score_all, score_row
from wgen_tui.workers.sample.prompts import TokenizedStage, tokenize_stage
from wgen_tui.workers.sample.readouts import read_all, readout_rows
from wgen_tui.workers.sample.run_progress import (
    CheckpointWork,
    RunProgress,
    add_completion,
    steps_of,
)
from wgen_tui.workers.sample.shown_rows import read_shown

PART_SECONDS = 3.0  # between two parts of a run
POLL_SECONDS = 0.2  # between two checks whether a run was cancelled


class Sampler:
    """The sampling of runs that share a base model."""

    def __init__(
        self, worker: Worker, base: Base, stage: SampleStage, *, rough: bool = False
    ) -> None:
        """Tokenize the prompts.

        Args:
            worker: Whose runs.
            base: The model, loaded.
            stage: What to draw and to read.
            rough: The base is quantised: adapters are proven as in half precision.
        """
        self._worker = worker
        self._base = base
        self._stage = stage
        self._ways = stage.own_sampling
        self._plain = tokenize_stage(base, stage, worker.note)
        refuse_lost_state(base)
        tokens = [prompt.ids for prompt in self._plain.prompts.values()]
        tokens += [readout.ids for readout in self._plain.readouts.values()]
        ends = end_tokens(base.model, base.tokenizer)
        self._loader = AdapterLoader(
            worker,
            base,
            SamplingParams(base.tokenizer, stage.sampling, ends),
            max_rows=worker.spec.rows or MAX_ROWS,
            fallback_probe=tokens[0],
            limit=LIMITS["bf16" if rough else base.precision],
        )
        self._held_out = HeldOutRows(base)
        self._versions = f"{base.engine} / peft {peft.__version__}"
        self._active: list[RunProgress] = []
        self._polled_at = self._flushed_at = time.monotonic()
        self._flush_seconds = PART_SECONDS

    def run(self, specs: Sequence[RunSpec]) -> None:
        """Make every missing draw of these runs; each gets its outcome."""
        try:
            for wave in self._waves(self._unfinished_checkpoints(specs)):
                try:
                    self._sample(wave)
                except Exception as error:  # of the pass that these shared
                    for work in wave:
                        work.fail(error)
                self._active = [run for run in self._active if not run.ended]
        finally:
            for run in self._active:
                run.writer.flush()

    def _waves(self, every: Iterable[CheckpointWork]) -> Iterator[list[CheckpointWork]]:
        """As many checkpoints at once as fit on the base; at least one."""
        budget = SAMPLED_ADAPTERS_SHARE * free_memory(self._base.device)
        wave: list[CheckpointWork] = []
        taken = 0
        for work in every:
            size = _size(work)
            if wave and (len(wave) == MAX_SAMPLED_ADAPTERS or taken + size > budget):
                yield wave
                wave, taken = [], 0
            wave.append(work)
            taken += size
        if wave:
            yield wave

    def _unfinished_checkpoints(self, specs: Sequence[RunSpec]) -> Iterator[CheckpointWork]:
        """The checkpoints that lack draws; a run begins when its first is asked for."""
        for spec in specs:
            files = self._worker.run_paths(spec.run_id)
            writer = SampleWriter(spec, files, self._worker.spec.launch_id, self._stage)
            run = RunProgress(self._worker, spec, files, writer)
            self._worker.begin_run(spec.run_id)
            try:
                self._worker.check_cancelled(spec.run_id)
                missing = self._missing_work(run)
            except Exception as error:  # the other runs still have their turn
                run.fail(error)
                continue
            if not missing:
                self._worker.end_run(spec.run_id)
                continue
            self._active.append(run)
            yield from missing

    def _missing_work(self, run: RunProgress) -> list[CheckpointWork]:
        stage = self._stage
        draw_from, measure = steps_of(run.files, run.spec, stage)
        asked = self._tokenized(run)
        missing = []
        for step in sorted({*draw_from, *measure}):
            work = CheckpointWork(run, step, {}, {})
            if step in draw_from:
                self._add_prompts(work, asked)
            if step in measure:
                rows = run.writer.missing_held_out(step)
                work.held_out = {key: self._held_out.row(of, place) for key, of, place in rows}
            if work.lacks:
                missing.append(work)
                run.track(work.draws)
        run.unfinished = len(missing)
        each = len(stage.readouts) + sum(stage.draws(prompt) for prompt in stage.prompts)
        held_out = sum(len(item.chats) for item in stage.held_out if item.of(run.spec))
        run.total = len(draw_from) * each + len(measure) * held_out
        run.done = run.total - sum(work.lacks for work in missing)
        if missing:
            # Without rows in context: those are the run's own, and stand in its data.jsonl.
            texts = self._plain.prompts
            drawn = ((prompt, texts[prompt.prompt_id].text) for prompt in stage.prompts)
            read = ((item.spec.prompt, item.text) for item in self._plain.readouts.values())
            run.writer.write_prompts([*drawn, *read])
        return missing

    def _add_prompts(self, work: CheckpointWork, asked: TokenizedStage) -> None:
        """What a checkpoint lacks of draws and readings."""
        writer, step = work.run.writer, work.step
        work.readings = {key: asked.readouts[item] for key, item in writer.missing_readings(step)}
        for draw in writer.missing(step):
            ids = asked.prompts[draw.prompt.prompt_id].ids
            own = self._ways[draw.prompt.prompt_id]
            work.draws[Request(draw.sample_id, ids, draw.seed, sampling=own)] = draw

    def _tokenized(self, run: RunProgress) -> TokenizedStage:
        """The prompts as a run gets them: behind the rows that it shows in context, if any."""
        if run.spec.in_context is None:
            return self._plain
        rows = read_shown(run.files, run.spec)
        worker, run_id = self._worker, run.run_id
        return tokenize_stage(self._base, self._stage, lambda what: worker.note(what, run_id), rows)

    def _sample(self, wave: Sequence[CheckpointWork]) -> None:
        """Draw from some checkpoints: those that share the base together, then the others."""
        with self._loader.load(wave) as loaded:
            self._read_and_draw(loaded.stacked, self._loader.engine)
        for work in loaded.alone:
            with work.guard(), self._loader.load_alone(work) as engine:
                self._read_and_draw([work], engine)

    def _read_and_draw(self, proven: Sequence[CheckpointWork], engine: Engine) -> None:
        # 1. Readouts and held-out rows: one pass over each.
        running = [work for work in proven if not work.run.ended]
        self._read(running, engine)
        self._measure(running, engine)

        # 2. Draws; a checkpoint is finished with its last one.
        left = {work: len(work.draws) for work in running}
        for work in running:
            if not left[work]:
                work.run.finish_checkpoint()
        owners = {request: work for work in running for request in work.draws}
        queues = [queue for work in running for queue in work.queues()]
        for completion, batch in engine.draw(queues, self._poll):
            work = owners[completion.request]
            draw = work.draws[completion.request]
            add_completion(work.run.writer, draw, completion, f"{self._versions} / {batch}")
            work.run.count()
            left[work] -= 1
            if left[work] == 0:
                work.run.finish_checkpoint()

    def _read(self, running: Sequence[CheckpointWork], engine: Engine) -> None:
        """Make the readings."""
        todo = [(work, reading_id) for work in running for reading_id in work.readings]
        readouts = [(work.readings[reading_id], work) for work, reading_id in todo]
        prompts = [(item, work.slot_for(item.spec.prompt)) for item, work in readouts]
        longest = max((len(prompt.ids) for prompt, _ in prompts), default=1)
        rows = rows_that_fit(
            self._base.model, longest, self._base.device, engine.runner.state_bytes()
        )
        for number, continuations in read_all(engine.runner, self._base.tokenizer, prompts, rows):
            work, reading_id = todo[number]
            if work.run.ended:
                continue
            read = readout_rows(work.step, work.readings[reading_id], continuations, reading_id)
            work.run.writer.add_reading(read, engine=self._versions)
            work.run.count()
            self._poll()

    def _measure(self, running: Sequence[CheckpointWork], engine: Engine) -> None:
        """Score the held-out rows."""
        todo = [(work, key, row) for work in running for key, row in work.held_out.items()]
        whole = [item for item in todo if item[2].example is not None]
        for work, key, row in todo:
            if row.example is None:
                self._score(work, key, row, None)
        rows = [(row.example, work.slot) for work, _, row in whole if row.example is not None]
        for number, score in score_all(engine.runner, self._base.model, rows):
            self._score(*whole[number], score)
            self._poll()

    def _score(self, work: CheckpointWork, key: int, row: HeldOutRow, score: Score | None) -> None:
        if not work.run.ended:
            told = score_row(key, work.step, row, score)
            work.run.writer.add_held_out(told, engine=self._versions)
            work.run.count()

    def _poll(self) -> None:
        """End the runs that are cancelled, and write what was drawn when it is time."""
        now = time.monotonic()
        if now - self._polled_at > POLL_SECONDS:
            self._polled_at = now
            for run in self._active:
                if not run.ended:
                    try:
                        self._worker.check_cancelled(run.run_id)
                    except Cancelled as stop:
                        run.fail(stop)
        if now - self._flushed_at > self._flush_seconds:
            for run in self._active:
                run.writer.flush()
            self._flushed_at = time.monotonic()
            # Many runs, many files: writing takes a thirtieth of the time at most.
            self._flush_seconds = max(PART_SECONDS, 30 * (self._flushed_at - now))


def _size(work: CheckpointWork) -> int:
    """Bytes of a checkpoint's weights on disk, which is what they take in fp32."""
    folder = work.run.files.checkpoint(work.step)
    return sum(path.stat().st_size for path in folder.glob("adapter_model.*"))
