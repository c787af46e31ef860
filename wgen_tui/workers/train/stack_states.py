"""The states of all runs of a stack, written at one moment, each naming the others.

Promises: older states, and those of runs that are trained meanwhile, stay until every run of the
stack has its new one; so at any moment there is a whole set to resume from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from wgen_tui.workers.train import resume
from wgen_tui.workers.train.resume import TrainState
from wgen_tui.workers.train.run import TrainingRun


class InStack(Protocol):
    """A run of a stack; its tensors are in the stack until they are copied back."""

    @property
    def run(self) -> TrainingRun:
        """The run and its files."""

    def state(self) -> TrainState:
        """What it resumes from, of the tensors that were copied back."""

    def give_up(self) -> None:
        """Give these tensors up again."""


Member = TypeVar("Member", bound=InStack)
Ended = list[tuple[Member, Exception | None]]  # each with what ended it; None: it is trained
CopyBack = Callable[[Sequence[Member]], None]


class StackStates(Generic[Member]):
    """Writes the states of one stack."""

    def __init__(self) -> None:
        self._trained: list[TrainingRun] = []  # since the newest states

    def keep(self, run: TrainingRun) -> None:
        """Keep the states of a run that has left the stack until they are not needed."""
        self._trained.append(run)

    def save_if_due(self, active: Sequence[Member], copy_back: CopyBack[Member]) -> Ended[Member]:
        """Save where all runs stand at a checkpoint, or where states are older than a minute.

        Args:
            active: The runs of the stack in order.
            copy_back: Gives runs of the stack their tensors.

        Returns:
            Those whose state cannot be written, with the reason.
        """
        runs = [member.run for member in active]
        if not any(run.unsaved_steps for run in runs):
            return []
        at_checkpoint = all(run.has_kept_step or run.step == 0 for run in runs)
        if at_checkpoint or any(run.state_is_old for run in runs):
            return self.save(active, copy_back)
        return []

    def save(self, active: Sequence[Member], copy_back: CopyBack[Member]) -> Ended[Member]:
        """Write the states of all; see `save_if_due`."""
        ended: Ended[Member] = []
        stack = tuple((member.run.run_id, member.run.step) for member in active)
        for member in active:
            copy_back([member])
            try:
                member.run.write_state(replace(member.state(), stack=stack))
            except Exception as error:  # this run's alone
                ended.append((member, error))
            member.give_up()
        if ended:
            return ended
        for member in active:
            try:
                member.run.keep_newest_state()
            except Exception as error:
                ended.append((member, error))
        if not ended:
            for run in self._trained:
                run.forget_states()
            self._trained.clear()
        return ended

    def save_stopped(
        self, stopped: Ended[Member], active: Sequence[Member], copy_back: CopyBack[Member]
    ) -> None:
        """Save those that are to stop; that one cannot be saved does not count."""
        if len(stopped) == len(active):
            self.save(active, copy_back)
            return
        for member, _ in stopped:
            copy_back([member])
            with suppress(OSError):
                member.run.save_state(member.state())

    def end(self) -> None:
        """The stack is empty: states go that nobody resumes from."""
        for run in self._trained:
            find = run.worker.run_paths
            resume.forget_if_unneeded(find(run.run_id), find)
        self._trained.clear()
