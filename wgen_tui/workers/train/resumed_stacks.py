"""Which runs are trained in one stack: those that shared one when they were stopped first.

Promises: what shares a pass after a stop is what shared it before, in the same order, so that an
adapter ends the same to the bit. A run that had its final checkpoint by then keeps its place: it
trains once more from its state, writing nothing, until the others are done or have newer states.
Where that cannot be, a note says so, and the rest goes on in another stack, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wgen_tui.run_files.manifests import is_trained
from wgen_tui.run_files.steps import total_steps
from wgen_tui.workers.arms.regulariser import load_regulariser
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.resume import StackSteps
from wgen_tui.workers.train.run import TrainingRun


@dataclass(frozen=True)
class StackRuns:
    """Runs for one trainer.

    Attributes:
        runs: In the order in which they come into the stack.
        together: The first of them that shared a stack before; 0 if none did.
    """

    runs: list[TrainingRun]
    together: int = 0


def stacks_of(worker: Worker, base: Base, runs: Sequence[TrainingRun]) -> list[StackRuns]:
    """Group runs that could share a stack: one group for each stack that is taken up again."""
    left = {run.run_id: run for run in runs}
    groups: list[list[TrainingRun]] = []
    for run in runs:
        stack = () if run.state is None else run.state.stack
        if run.run_id not in left or not stack:
            continue
        members = _members(worker, base, stack, left)
        if members is None:
            worker.note(
                "goes on in another stack than before: the result is the same up to rounding",
                run.run_id,
            )
            continue
        for member in members:
            left.pop(member.run_id, None)
        groups.append(members)
    rest = list(left.values())
    if not groups:
        return [StackRuns(rest)]
    *earlier, last = groups  # there is one, unless several launches are taken up as one
    stacks = [StackRuns(group, len(group)) for group in earlier]
    return [*stacks, StackRuns([*last, *rest], len(last))]


def _members(
    worker: Worker, base: Base, stack: StackSteps, here: dict[str, TrainingRun]
) -> list[TrainingRun] | None:
    """The runs of a stack as they stood in it; None where one of them cannot be there."""
    members = []
    for name, step in stack:
        run = here.get(name) or _filler(worker, base, name, step, stack)
        if run is None or run.step != step:
            return None
        members.append(run)
    return members


def _filler(
    worker: Worker, base: Base, name: str, step: int, stack: StackSteps
) -> TrainingRun | None:
    """A run that is trained already, as it stood in a stack; None where that is not there."""
    files = worker.run_paths(name)
    if not files.spec.is_file() or not is_trained(files):
        return None
    spec = worker.run_spec(name)
    state = resume.at_step(files, step, stack) if step else None
    if spec.training is None or (step and state is None):
        return None
    dataset = load_examples(
        files.data, base.tokenizer, spec.training, spec.mask_version, base.vocabulary, base.context
    )
    steps = total_steps(spec.training, len(dataset.examples))
    worker.note(
        f"is trained, and keeps its place in the stack from step {step} for the others", name
    )
    return TrainingRun(
        worker,
        spec,
        spec.training,
        dataset,
        steps,
        state,
        step=step,
        is_filler=True,
        regulariser=load_regulariser(worker, base, spec),
    )
