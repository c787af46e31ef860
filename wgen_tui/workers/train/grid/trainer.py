"""Training a grid of runs: one pass for all of them, one optimiser step for each.

Promises: each run's adapter is the one it would get if it were trained alone, up to rounding; a run
that diverges is taken out and named while the others go on; one that is done makes room for one that
waits; memory that does not suffice halves the stack and loses no step.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch

from wgen_tui.protocol.ids import digest
from wgen_tui.workers.data import Example
from wgen_tui.workers.models import Base
from wgen_tui.workers.recipe import seed_step, trained_tokens
from wgen_tui.workers.runtime import Cancelled, Worker, is_out_of_memory
from wgen_tui.workers.train.grid.batch import (
    Batches,
    Head,
    Pass,
    count_tokens,
    loss_sums,
    packed,
    packing_is_exact,
    packs,
    padded,
)
from wgen_tui.workers.train.grid.dropout import Dropper
from wgen_tui.workers.train.grid.fit import fit
from wgen_tui.workers.train.grid.fused_base import fused_ops
from wgen_tui.workers.train.grid.grid_run import GridRun
from wgen_tui.workers.train.grid.layout import Layout
from wgen_tui.workers.train.grid.optimizer import AdamWSettings, adamw
from wgen_tui.workers.train.grid.stack import Slot, Stack
from wgen_tui.workers.train.run import StepDone, TrainingRun, diverged, probe_ids
from wgen_tui.workers.train.sample_during import CheckpointSampler

Make = Callable[[TrainingRun], GridRun]


class GridTrainer:
    """Runs that share base model, modules and precision, in one stack."""

    def __init__(
        self,
        worker: Worker,
        base: Base,
        layout: Layout,
        watch: CheckpointSampler | None,
        *,
        checkpointing: bool,
    ) -> None:
        self._worker = worker
        self._base = base
        self._pad = int(base.tokenizer.pad_token_id)
        self._stack = Stack(base.model, layout.shapes, base.device)
        self._entries: list[GridRun] = []
        self._means = self._squares = torch.empty(0)
        self._knobs: AdamWSettings | None = None
        self._scaled = base.precision == "fp16"
        self._head = Head(base.model)
        self._may_pack = packing_is_exact(base.model, base.device)
        self._watch = watch
        self._checkpointing = checkpointing
        self._most = 1
        self._waiting: deque[TrainingRun | GridRun] = deque()

    def train(self, members: Sequence[TrainingRun], make: Make, asked: int | None) -> None:
        """Train these runs to their ends; each run's outcome goes to the worker.

        Args:
            members: The runs.
            make: Makes a run's entry when there is room for it.
            asked: At most so many together; None for as many as fit.
        """
        model = self._base.model
        if self._checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        # Gradients are rows of one matrix on purpose; autograd adds to them in place all the same.
        warnings.filterwarnings("ignore", "grad and param do not obey the gradient layout")
        try:
            with fused_ops(model):
                self._train_all(members, make, asked)
        finally:
            for entry in self._entries:
                entry.member.close()
            self._stack.off()
            if self._checkpointing:
                model.gradient_checkpointing_disable()
            model.eval().requires_grad_(False)

    def _train_all(self, members: Sequence[TrainingRun], make: Make, asked: int | None) -> None:
        first = make(members[0])
        self._size(members, first, asked)
        self._waiting.extend((first, *members[1:]))
        while self._waiting or self._entries:
            if self._waiting and len(self._entries) < self._most:
                self._admit(make)
            self._drop(self._cancelled())
            if self._entries:
                self._step()

    # -- who is in the stack ---------------------------------------------------------------------

    def _size(self, members: Sequence[TrainingRun], first: GridRun, asked: int | None) -> None:
        def largest(member: TrainingRun) -> list[Example]:
            size = member.training.per_device_train_batch_size
            return sorted(member.dataset.examples, key=lambda e: -len(e.ids))[:size]

        longest = max(map(largest, members), key=lambda batch: len(batch) * len(batch[0].ids))
        rank = max(member.training.lora.r for member in members)
        width = self._stack.layout_at(rank).width
        self._stack.on()
        try:
            self._stack.fill([first.slot], train=True)
            model = self._base.model
            found = fit(model, self._head, self._stack, longest, self._pad, width, asked)
            self._most, reason = found.most, found.reason
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._most, reason = 1, "one adapter at a time: memory"
        finally:
            self._stack.off()
        runs = "1 run" if len(members) == 1 else f"{len(members)} runs"
        self._worker.note(f"{runs} to train, {reason}")

    def _admit(self, make: Make) -> None:
        fresh: list[GridRun] = []
        # PEFT makes new adapters on the bare base.
        self._stack.off()
        while self._waiting and len(self._entries) + len(fresh) < self._most:
            item = self._waiting.popleft()
            member = item.member if isinstance(item, GridRun) else item
            self._worker.begin_run(member.run_id)
            try:
                self._worker.check_cancelled(member.run_id)
                entry = item if isinstance(item, GridRun) else make(item)
                member.open()
            except Exception as error:  # this run's alone
                self._worker.record_error(member.run_id, error)
            else:
                fresh.append(entry)
        self._stack.on()
        self._rebuild([*self._entries, *fresh], keep=self._entries)

    def _rebuild(self, entries: Sequence[GridRun], keep: Sequence[GridRun]) -> None:
        """Fill the stack anew; `keep` are in it and may have moved on."""
        self._bring_up_to_date(keep)
        self._entries = list(entries)
        if not entries:
            return
        for entry in entries:
            entry.to(self._base.device)
        self._stack.fill([entry.slot for entry in entries], train=True)
        layout, device = self._stack.layout, self._base.device

        def moments(name: str) -> torch.Tensor:
            rows = [layout.fit(getattr(entry, name), entry.slot.rank) for entry in entries]
            return torch.stack(rows)

        self._means, self._squares = moments("means"), moments("squares")
        self._knobs = AdamWSettings.of([entry.member.training for entry in entries], device)

    def _bring_up_to_date(self, entries: Sequence[GridRun]) -> None:
        for entry in entries:
            slot, rank = self._entries.index(entry), entry.slot.rank
            entry.slot = Slot(self._stack.row(slot, rank), rank, entry.slot.scale)
            own = self._stack.layout.ranked(rank)
            entry.means = own.fit(self._means[slot], self._stack.layout.rank).clone()
            entry.squares = own.fit(self._squares[slot], self._stack.layout.rank).clone()

    def _drop(self, ended: Sequence[tuple[GridRun, Exception | None]]) -> None:
        """Take runs out, each with what ended it."""
        if not ended:
            return
        gone = [entry for entry, _ in ended]
        kept = [entry for entry in self._entries if entry not in gone]
        for entry, error in ended:
            entry.member.close()
            if error is None:
                self._worker.end_run(entry.member.run_id)
            else:
                self._worker.record_error(entry.member.run_id, error)
        self._rebuild(kept, keep=kept)

    def _cancelled(self) -> list[tuple[GridRun, Exception | None]]:
        ended: list[tuple[GridRun, Exception | None]] = []
        if not self._worker.has_requests():
            return ended
        for entry in self._entries:
            try:
                self._worker.check_cancelled(entry.member.run_id)
            except Cancelled as error:
                self._bring_up_to_date([entry])
                with suppress(OSError):  # that it was to stop counts, not that it was not saved
                    entry.member.save(entry.state())
                ended.append((entry, error))
        return ended

    # -- one step --------------------------------------------------------------------------------

    def _step(self) -> None:
        work = [entry.order.batches(entry.member.step + 1) for entry in self._entries]
        tokens = [trained_tokens(batches) for batches in work]
        passes = [
            [own[number] if number < len(own) else [] for own in work]
            for number in range(max(map(len, work)))
        ]
        real, rows = map(sum, zip(*map(count_tokens, passes), strict=True))
        pack = self._may_pack and packs(real, rows, self._base.device.type)
        try:
            losses, norms = self._gradients(passes, tokens, pack=pack)
            if pack and not all(map(math.isfinite, (*losses, *norms))):
                # Packed examples share sums: once more, with each adapter by itself.
                losses, norms = self._gradients(passes, tokens, pack=False)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # Without its frames, which hold the tensors of the pass.
            self._halve(error.with_traceback(None))
            return
        bad = [
            not (math.isfinite(loss) and math.isfinite(norm))
            for loss, norm in zip(losses, norms, strict=True)
        ]
        rates = self._update(norms, bad)
        ended: list[tuple[GridRun, Exception | None]] = []
        for slot, entry in enumerate(self._entries):
            try:
                if bad[slot] and (not self._scaled or entry.loss_scale.scale < 1):
                    raise diverged(losses[slot])
                clip = entry.member.training.max_grad_norm
                norm = norms[slot] if clip is not None else None
                done = StepDone(losses[slot], tokens[slot], norm, rates[slot])
                entry.member.record(done, self._base.device)
                self._write(slot, entry, done)
                if entry.member.done:
                    ended.append((entry, None))
            except Exception as error:  # this run's alone; the others have done their step
                ended.append((entry, error))
        self._drop(ended)

    def _gradients(
        self, passes: Sequence[Batches], tokens: Sequence[int], *, pack: bool
    ) -> tuple[list[float], list[float]]:
        """Loss and norm of the gradient of each run."""
        stack, grads, device = self._stack, self._stack.grads, self._base.device
        assert grads is not None
        grads.zero_()
        scales = [entry.loss_scale.scale if self._scaled else 1.0 for entry in self._entries]
        weights = torch.tensor([s / max(n, 1) for s, n in zip(scales, tokens, strict=True)])
        weights = weights.to(device)
        total = torch.zeros(len(self._entries), device=device)
        for number, batches in enumerate(passes):
            made = packed(batches, stack) if pack else padded(batches, self._pad, device)
            self._set_dropout(made, number)
            sums = loss_sums(self._head, stack, made)
            (sums * weights).sum().backward()
            total += sums.detach()
            self._note_pass(batches, made)
        norms = torch.linalg.vector_norm(grads, dim=1)
        if self._scaled:
            own = torch.tensor(scales, device=device)
            grads.div_(own[:, None])
            norms = norms / own
        losses = total / torch.tensor(tokens, device=device).clamp_min(1)
        found = torch.stack([losses, norms]).tolist()  # one wait for the device
        return found[0], found[1]

    def _update(self, norms: list[float], bad: list[bool]) -> list[float]:
        """The optimiser's step; returns each run's learning rate."""
        assert self._stack.grads is not None and self._knobs is not None
        rates = [entry.schedule.rate for entry in self._entries]
        for entry, skipped in zip(self._entries, bad, strict=True):
            if self._scaled:
                entry.loss_scale.update(overflow=skipped)
            if not skipped:
                entry.updates += 1
                entry.schedule.advance()
        steps = [0 if skip else e.updates for e, skip in zip(self._entries, bad, strict=True)]
        adamw(
            self._stack.rows,
            self._stack.grads,
            self._means,
            self._squares,
            self._knobs,
            torch.tensor(norms, device=self._base.device),
            rates,
            steps,
        )
        return rates

    def _set_dropout(self, made: Pass, number: int) -> None:
        rates = [entry.member.training.lora.lora_dropout for entry in self._entries]
        self._stack.routing.dropout = None
        if any(rates):
            keys = [(e.member.spec.seeds.lora_init, e.member.step, number) for e in self._entries]
            self._stack.routing.dropout = Dropper(made, rates, keys)
        first = self._entries[0].member
        seed_step(
            self._base, digest("step", first.spec.seeds.lora_init, first.step, number, bits=62)
        )

    def _note_pass(self, batches: Batches, made: Pass) -> None:
        share = made.ids.numel() / made.real
        for entry, batch in zip(self._entries, batches, strict=True):
            entry.provenance.note(
                len(self._entries), sum(len(e.ids) for e in batch), share, packed=made.packed
            )

    def _halve(self, error: Exception) -> None:
        """Fewer adapters from here on; those that step aside wait for room."""
        assert self._stack.grads is not None
        self._stack.grads.zero_()
        if self._base.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(self._entries) == 1:
            self._drop([(self._entries[0], error)])
            return
        self._most = len(self._entries) // 2
        self._worker.note(f"out of memory: {self._most} adapters together from here on")
        self._bring_up_to_date(self._entries)
        stay, aside = self._entries[: self._most], self._entries[self._most :]
        for entry in reversed(aside):
            entry.member.close()
            entry.to("cpu")
            self._waiting.appendleft(entry)
        self._rebuild(stay, keep=[])

    # -- what is kept ----------------------------------------------------------------------------

    def _write(self, slot: int, entry: GridRun, done: StepDone) -> None:
        member = entry.member
        if not (member.keeps or member.wants_save):
            return
        self._bring_up_to_date([entry])
        if member.keeps:
            logits = self._answer(slot, probe_ids(member.dataset))
            member.provenance |= entry.provenance.as_dict()
            member.checkpoint(lambda place: entry.write(place, logits), done.loss)
            if self._watch is not None:
                self._stack.routing.mode = "base"
                self._watch.sample_adapter(member.spec, member.step, entry.adapter())
        if member.wants_save:
            member.save(entry.state())

    def _answer(self, slot: int, ids: torch.Tensor) -> torch.Tensor:
        """The logits of one adapter behind a prompt, without dropout."""
        model, stack = self._base.model, self._stack
        stack.routing.mode, stack.routing.dropout = "masked", None
        slots = torch.full((1, 1), slot, device=self._base.device)
        stack.routing.mask = stack.columns(slots)
        model.eval()
        try:
            with torch.inference_mode():
                output = model(input_ids=ids[None].to(self._base.device), use_cache=False)
        finally:
            model.train()
        logits: torch.Tensor = output.logits[0, -1]
        return logits
