"""Training a grid of runs: one pass for all of them, one optimiser step for each.

Promises: each run's adapter is the one it would get if it were trained by itself, up to rounding; a
run that diverges is taken out and named while the others train on; when one is done, one that waits
takes its place; memory that does not suffice halves the stack and loses no step. Runs that shared
a stack before they were stopped share it again (`resumed_stacks`).

In shapes, K is the adapters in the stack and width the weights of one of them, all in one row.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Sequence

import torch

from wgen_tui.workers.models import Base, padding_id
from wgen_tui.workers.runtime import Cancelled, Worker, is_out_of_memory
from wgen_tui.workers.train.grid.batch import Head, packing_is_exact
from wgen_tui.workers.train.grid.fit import choose_stack_size, largest_batch
from wgen_tui.workers.train.grid.fused_base import fused_ops
from wgen_tui.workers.train.grid.gradients import Gradients
from wgen_tui.workers.train.grid.grid_run import GridRun
from wgen_tui.workers.train.grid.layout import Layout
from wgen_tui.workers.train.grid.optimizer import AdamWSettings, adamw
from wgen_tui.workers.train.grid.stack import Slot, Stack
from wgen_tui.workers.train.grid.step_batch import Collator, StepBatch, step_key
from wgen_tui.workers.train.resumed_stacks import StackRuns
from wgen_tui.workers.train.run import StepResult, TrainingRun, diverged, probe_ids
from wgen_tui.workers.train.sample_during import CheckpointSampler
from wgen_tui.workers.train.stack_states import Ended, StackStates

GRAPH_BUCKET = 16  # tokens and labels are padded to multiples of it where graphs are captured
MakeGridRun = Callable[[TrainingRun], GridRun]


class GridTrainer:
    """Runs that share base model, modules and precision, in one stack."""

    def __init__(
        self,
        worker: Worker,
        base: Base,
        layout: Layout,
        sampler: CheckpointSampler | None,
        *,
        may_pack: bool,
        checkpointing: bool,
    ) -> None:
        """Take a loaded base.

        Args:
            worker: Whose runs.
            base: The model, bare.
            layout: The modules that every adapter is on.
            sampler: Draws at checkpoints; None for no draws.
            may_pack: Whether the modules can tell packed tokens apart.
            checkpointing: Whether activations are computed again for the backward pass.
        """
        self._worker = worker
        self._base = base
        self._pad_id = padding_id(base.tokenizer)
        self._stack = Stack(base.model, layout.shapes, base.device)
        self._head = Head(base.model)
        self._gradients = Gradients(
            base, self._stack, self._head, worker.note, checkpointing=checkpointing
        )
        graphs = self._gradients.graphs is not None
        self._collator = Collator(
            self._stack,
            self._pad_id,
            # No two packed passes are alike, so no graph would ever be replayed.
            may_pack=may_pack and not graphs and packing_is_exact(base.model, base.device),
            bucket=GRAPH_BUCKET if graphs else 1,
        )
        self._prefetched: StepBatch | None = None
        self._sampler = sampler
        self._checkpointing = checkpointing
        self._fp16 = base.precision == "fp16"  # gradients are scaled, each run's by its own scale
        # Slot k of the stack holds the adapter of self._active[k].
        self._active: list[GridRun] = []
        self._waiting: deque[TrainingRun | GridRun] = deque()
        self._max_adapters = 1
        self._first = 0  # so many shared a stack before, and come in together
        self._closed = False  # whether nobody takes the place of those who leave
        self._states: StackStates[GridRun] = StackStates()
        self._exp_avg = self._exp_avg_sq = torch.empty(0)  # [K, width]
        self._settings: AdamWSettings | None = None

    def train(self, stack: StackRuns, make: MakeGridRun, max_adapters: int | None) -> None:
        """Train these runs to their ends; each run's outcome goes to the worker.

        Args:
            stack: What to train.
            make: Makes a run's adapter, when it comes into the stack.
            max_adapters: At most so many together; None for as many as fit.
        """
        model = self._base.model
        if self._checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        # Gradients are rows of one matrix on purpose; autograd adds to them in place all the same.
        warnings.filterwarnings("ignore", "grad and param do not obey the gradient layout")
        try:
            with fused_ops(model):
                self._train_all(stack, make, max_adapters)
        finally:
            for active in self._active:
                active.run.close()
            self._stack.uninstall()
            if self._checkpointing:
                model.gradient_checkpointing_disable()
            model.eval().requires_grad_(False)

    def _train_all(self, stack: StackRuns, make: MakeGridRun, max_adapters: int | None) -> None:
        first = make(stack.runs[0])
        self._choose_stack_size(stack.runs, first, max_adapters)
        if stack.together > self._max_adapters:
            self._worker.note(
                f"{stack.together} adapters were trained together before, {self._max_adapters} are "
                "from here on: the results are the same up to rounding"
            )
        self._first = min(stack.together, self._max_adapters)
        # Nobody took a place that was free before, so nobody does now.
        self._closed = 0 < self._first < self._max_adapters
        self._waiting.extend((first, *stack.runs[1:]))
        while self._waiting or self._active:
            if free := self._free_slots():
                self._fill_free_slots(make, free)
            self._remove(self._cancelled())
            self._remove(self._states.save_if_due(self._active, self._copy_back))
            if all(grid_run.run.is_filler for grid_run in self._active):
                self._remove([(grid_run, None) for grid_run in self._active])
            if self._active:
                self._step()
        self._states.end()

    def _free_slots(self) -> int:
        """How many of those that wait may come in now."""
        if self._first:
            free, self._first = self._first, 0
            return free
        if self._closed and self._active:
            return 0
        self._closed = False
        return min(len(self._waiting), self._max_adapters - len(self._active))

    # -- who is in the stack ---------------------------------------------------------------------

    def _choose_stack_size(
        self, runs: Sequence[TrainingRun], first: GridRun, max_adapters: int | None
    ) -> None:
        """Measure one adapter on the largest batch that any run will have."""
        width = self._stack.layout_at(max(run.training.lora.r for run in runs)).width
        self._stack.install()
        try:
            self._stack.fill([first.slot], train=True)
            size = choose_stack_size(
                self._base.model,
                self._head,
                self._stack,
                largest_batch(runs),
                self._pad_id,
                width,
                max_adapters,
            )
            self._max_adapters, reason = size.adapters, size.reason
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._max_adapters, reason = 1, "one adapter at a time: memory"
        finally:
            self._stack.uninstall()
        count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        self._worker.note(f"{count} to train, {reason}")

    def _fill_free_slots(self, make: MakeGridRun, free: int) -> None:
        added: list[GridRun] = []
        # PEFT makes new adapters on the bare base.
        self._stack.uninstall()
        for item in [self._waiting.popleft() for _ in range(free)]:
            run = item.run if isinstance(item, GridRun) else item
            if not run.is_filler:
                self._worker.begin_run(run.run_id)
            try:
                self._worker.check_cancelled(run.run_id)
                grid_run = item if isinstance(item, GridRun) else make(item)
                run.open()
            except Exception as error:  # this run's alone
                self._worker.record_error(run.run_id, error)
            else:
                added.append(grid_run)
        self._stack.install()
        self._rebuild([*self._active, *added], in_stack=self._active)

    def _rebuild(self, active: Sequence[GridRun], in_stack: Sequence[GridRun]) -> None:
        """Fill the stack again; what the stack has of those that are in it now is newer."""
        self._copy_back(in_stack)
        self._active = list(active)
        if not active:
            return
        for grid_run in active:
            grid_run.to(self._base.device)
        # The runs give up, part by part, what the stack has from here on: nothing is held twice
        # while it trains, as TRAINED_ADAPTER_BYTES counts it.
        self._stack.fill([grid_run.slot for grid_run in active], train=True)
        for grid_run in active:
            grid_run.give_up("slot")
        if self._gradients.graphs is not None:
            self._gradients.graphs.clear()
        fit = self._stack.layout.fit
        self._exp_avg = torch.stack([fit(g.exp_avg, g.slot.rank) for g in active])
        for grid_run in active:
            grid_run.give_up("exp_avg")
        self._exp_avg_sq = torch.stack([fit(g.exp_avg_sq, g.slot.rank) for g in active])
        for grid_run in active:
            grid_run.give_up("exp_avg_sq")
        self._settings = AdamWSettings.of([g.run.training for g in active], self._base.device)

    def _copy_back(self, runs: Sequence[GridRun]) -> None:
        """Give runs of the stack their weights and moments as they are there."""
        for grid_run in runs:
            k, rank = self._active.index(grid_run), grid_run.slot.rank
            grid_run.slot = Slot(self._stack.row(k, rank), rank, grid_run.slot.scale)
            layout, stack_rank = self._stack.layout.at_rank(rank), self._stack.layout.rank
            grid_run.exp_avg = layout.fit(self._exp_avg[k], stack_rank).clone()
            grid_run.exp_avg_sq = layout.fit(self._exp_avg_sq[k], stack_rank).clone()

    def _remove(self, ended: Ended[GridRun]) -> None:
        """Take runs out, each with what ended it."""
        if not ended:
            return
        removed = [grid_run for grid_run, _ in ended]
        kept = [grid_run for grid_run in self._active if grid_run not in removed]
        for grid_run, error in ended:
            grid_run.run.close()
            if error is None:
                self._states.keep(grid_run.run)
            if grid_run.run.is_filler:
                continue
            if error is None:
                self._worker.end_run(grid_run.run.run_id)
            else:
                self._worker.record_error(grid_run.run.run_id, error)
        self._rebuild(kept, in_stack=kept)

    def _cancelled(self) -> Ended[GridRun]:
        """The runs that are to stop, each with its state saved."""
        ended: Ended[GridRun] = []
        if not self._worker.has_requests():
            return ended
        for grid_run in self._active:
            try:
                self._worker.check_cancelled(grid_run.run.run_id)
            except Cancelled as error:
                ended.append((grid_run, error))
        self._states.save_stopped(ended, self._active, self._copy_back)
        return ended

    # -- one step --------------------------------------------------------------------------------

    def _step(self) -> None:
        # 1. Which examples, and one forward and backward pass for all adapters, for each of the
        #    accumulated batches.
        for grid_run in self._active:
            grid_run.run.in_step = True
        try:
            batch = self._take_batch()
            step = self._gradients.step(self._active, batch, self._prefetch)
            if batch.is_packed and any(step.not_finite):
                # Packed examples share sums: once more, with each adapter by itself.
                batch = self._collator.unpacked(batch)
                step = self._gradients.step(self._active, batch, lambda: None)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # Without its frames, which hold the tensors of the pass.
            self._halve(error.with_traceback(None))
            return

        # 2. One optimiser step for each adapter; one whose gradient is not finite is left as it is.
        rates = self._update(step.device_norms, step.not_finite)

        # 3. What each run writes: metrics, checkpoints, states to resume from.
        ended: Ended[GridRun] = []
        for k, grid_run in enumerate(self._active):
            try:
                # Under fp16 an overflow is no failure until the scale cannot fall any more.
                if step.not_finite[k] and (not self._fp16 or grid_run.loss_scale.scale < 1):
                    raise diverged(step.losses[k], grid_run.run.step + 1, rates[k])
                clips = grid_run.run.training.max_grad_norm is not None
                norm = step.norms[k] if clips else None
                result = StepResult(step.losses[k], batch.tokens[k], norm, rates[k], step.kls[k])
                grid_run.run.record(result, self._base.device)
                self._write(k, grid_run, result)
                if grid_run.run.done:
                    ended.append((grid_run, None))
            except Exception as error:  # this run's alone; the others have done their step
                ended.append((grid_run, error))
        self._remove(ended)

    def _take_batch(self) -> StepBatch:
        """The next step's batch: the one on its way, or a new one where the stack has changed."""
        batch, self._prefetched = self._prefetched, None
        if batch is None or batch.key != step_key(self._active):
            batch = self._collator.step(self._active)
        return batch

    def _prefetch(self) -> None:
        """Collate the step after this one; not where a run ends with this one and leaves."""
        if all(g.run.step + 1 < g.run.steps for g in self._active):
            self._prefetched = self._collator.step(self._active, ahead=2)

    def _update(self, norms: torch.Tensor, skip: list[bool]) -> list[float]:
        """Do the optimiser's step; returns each run's learning rate."""
        assert self._stack.grads is not None and self._settings is not None
        rates = [grid_run.schedule.rate for grid_run in self._active]
        for grid_run, skipped in zip(self._active, skip, strict=True):
            if self._fp16:
                grid_run.loss_scale.update(overflow=skipped)
            if not skipped:
                grid_run.updates += 1
                grid_run.schedule.advance()
        # Step 0 leaves an adapter alone.
        steps = [0 if s else g.updates for g, s in zip(self._active, skip, strict=True)]
        adamw(
            self._stack.rows,
            self._stack.grads,
            self._exp_avg,
            self._exp_avg_sq,
            self._settings,
            norms,
            rates,
            steps,
        )
        return rates

    def _halve(self, error: Exception) -> None:
        """Train fewer adapters together from here on; the others wait for a free slot."""
        assert self._stack.grads is not None
        self._stack.grads.zero_()
        if self._base.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(self._active) == 1:
            self._remove([(self._active[0], error)])
            return
        self._max_adapters = len(self._active) // 2
        self._worker.note(f"out of memory: {self._max_adapters} adapters together from here on")
        for grid_run in self._active:  # one by one: there may be no memory for copies of all
            self._copy_back([grid_run])
            grid_run.to("cpu")
        kept, postponed = self._active[: self._max_adapters], self._active[self._max_adapters :]
        for grid_run in reversed(postponed):
            grid_run.run.close()
            self._waiting.appendleft(grid_run)
        self._rebuild(kept, in_stack=[])

    # -- what is kept ----------------------------------------------------------------------------

    def _write(self, k: int, grid_run: GridRun, result: StepResult) -> None:
        """Write the checkpoint that is due, and sample from it."""
        run = grid_run.run
        if not run.at_checkpoint:
            return
        self._copy_back([grid_run])
        logits = self._logits(k, probe_ids(run.dataset))
        run.provenance |= grid_run.provenance.as_dict()
        run.checkpoint(lambda folder: grid_run.write(folder, logits), result.loss, keep_states=True)
        if self._sampler is not None:
            self._stack.routing.mode = "base"
            self._sampler.sample_adapter(run.spec, run.step, grid_run.adapter())
        grid_run.give_up()

    def _logits(self, k: int, ids: torch.Tensor) -> torch.Tensor:
        """What adapter k predicts after a prompt [tokens], without dropout: [vocabulary]."""
        model, stack = self._base.model, self._stack
        stack.routing.mode, stack.routing.dropout = "masked", None
        slots = torch.full((1, 1), k, device=self._base.device)
        stack.routing.mask = stack.routing_mask(slots)  # [1, 1, K·R]
        model.eval()
        try:
            with torch.inference_mode():
                output = model(input_ids=ids[None].to(self._base.device), use_cache=False)
        finally:
            model.train()
        logits: torch.Tensor = output.logits[0, -1]
        return logits
