"""The train worker: the LoRA fine-tunes of one launch, together as far as they can be.

Promises: started by `accelerate launch`; adapters are stock PEFT folders; runs that share base,
modules and precision are trained in one pass, and a note says why any is not; the tasks of a Poly
adapter are trained as one (`joint`); the base is unchanged after every run; a run that has its
final checkpoint is not trained again, one that was stopped resumes where it stood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from accelerate import Accelerator

from experiments.schema import TrainingConfig
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.adapters import NotStackable, new_adapter
from wgen_tui.workers.arms.between import make_between
from wgen_tui.workers.arms.derive import with_rows
from wgen_tui.workers.arms.foreign import apply_adapter
from wgen_tui.workers.arms.upsample import with_rows_again
from wgen_tui.workers.checkpoints import clear
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.module_calls import ModuleCalls
from wgen_tui.workers.recipe import lora_config
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.train.grid.grid_run import GridRun
from wgen_tui.workers.train.grid.layout import layout_of
from wgen_tui.workers.train.grid.trainer import GridTrainer
from wgen_tui.workers.train.joint import joint_groups, train_joint
from wgen_tui.workers.train.resumed_stacks import stacks_of
from wgen_tui.workers.train.run import TrainingRun, load_run
from wgen_tui.workers.train.sample_during import CheckpointSampler
from wgen_tui.workers.train.single import train_single
from wgen_tui.workers.train.start import going_on, start_folder
from wgen_tui.workers.train.trainer import any_process


def why_not_stacked(training: TrainingConfig, processes: int) -> str | None:
    """Why a run cannot be stacked; None if it can."""
    if processes > 1:
        return f"the launch has {processes} processes"
    return training.not_stackable_because


def load_key(spec: RunSpec) -> tuple[Any, ...]:
    """What runs must share to be trained on one loaded base."""
    training = spec.training
    return (
        spec.model,
        spec.chat_template,
        training and (training.precision, training.quantization),
    )


def grid_key(training: TrainingConfig) -> tuple[Any, ...]:
    """What runs must share to be trained in one stack."""
    lora = training.lora
    return (lora.target_modules, lora.layers_to_transform, training.gradient_checkpointing)


def refuse_routers(modules: Sequence[str]) -> None:
    """Refuse an adapter on modules that take none.

    Raises:
        WorkerError: naming the first.
    """
    if modules:
        raise WorkerError(
            f"{modules[0]} gives more than a tensor (a router of experts, say), so no adapter fits "
            "on it.",
            title="LoRA targets",
            hint="Name the modules in training.lora.target_modules, this one left out.",
        )


def train_group(
    worker: Worker, base: Base, runs: list[TrainingRun], sampler: CheckpointSampler | None
) -> list[tuple[TrainingRun, str]]:
    """Train runs of one `grid_key` in a stack.

    Returns:
        Those that have to be trained one by one after all, with the reason.
    """
    training = runs[0].training
    calls = ModuleCalls(base.model)
    try:
        first, _ = new_adapter(base.model, lora_config(training, base.model), 0)
        layout = layout_of(first)
        refuse_routers(calls.giving_more(layout.shapes))
        if why := calls.why_not_stacked(layout.shapes):
            raise NotStackable(why)
    except NotStackable as error:
        return [(run, str(error)) for run in runs]
    except WorkerError as error:  # these runs' alone
        for run in runs:
            worker.begin_run(run.run_id)
            worker.record_error(run.run_id, error)
        return []

    def make(run: TrainingRun) -> GridRun:
        config = lora_config(run.training, base.model)
        adapter, written = new_adapter(base.model, config, run.spec.seeds.lora_init)
        folder, _ = start_folder(worker.home, run.spec.parent)
        if folder is not None:
            adapter = going_on(adapter, folder)
        return GridRun.begin(run, adapter, written, layout, base.device)

    runs, misfits = _fitting(worker, base, runs)
    if not runs:
        return misfits
    grid = GridTrainer(
        worker,
        base,
        layout,
        sampler,
        may_pack=calls.may_pack(layout.shapes),
        checkpointing=training.gradient_checkpointing,
    )
    for stack in stacks_of(worker, base, runs):
        grid.train(stack, make, worker.spec.stack)
    return misfits


def _fitting(
    worker: Worker, base: Base, runs: Sequence[TrainingRun]
) -> tuple[list[TrainingRun], list[tuple[TrainingRun, str]]]:
    """The runs whose parent's adapter fits, if they have one, and those that cannot be stacked.

    One that it does not fit fails by itself, before anything is trained.
    """
    fitting: list[TrainingRun] = []
    misfits: list[tuple[TrainingRun, str]] = []
    for run in runs:
        try:
            folder, _ = start_folder(worker.home, run.spec.parent)
            if folder is not None:
                config = lora_config(run.training, base.model)
                going_on(new_adapter(base.model, config, 0)[0], folder)
        except NotStackable as error:
            misfits.append((run, str(error)))
        except WorkerError as error:  # this run's alone
            worker.begin_run(run.run_id)
            worker.record_error(run.run_id, error)
        else:
            fitting.append(run)
    return fitting, misfits


def train_loaded(
    worker: Worker, base: Base, accelerator: Accelerator, specs: Sequence[RunSpec]
) -> None:
    """Train all runs that one loaded base serves."""
    grids: dict[tuple[Any, ...], list[TrainingRun]] = defaultdict(list)
    singles: list[tuple[TrainingRun, str]] = []
    for spec in specs:
        if spec.training is not None and not spec.trained_here:
            with worker.run(spec.run_id):
                worker.check_cancelled(spec.run_id)
                make = apply_adapter if spec.adapter is not None else make_between
                make(worker, base, spec)
    own = [spec for spec in specs if spec.training is None or spec.trained_here]
    separate, joint = joint_groups(with_rows_again(worker, base, with_rows(worker, base, own)))
    for run in load_runs(worker, base, accelerator, separate):
        reason = why_not_stacked(run.training, accelerator.num_processes)
        if base.context is not None and base.context.shares_positions(run.longest):
            reason = (
                f"its longest example has {run.longest} tokens, and beyond "
                f"{base.context.shared_above} the rotary positions of all rows of a pass follow "
                "the longest"
            )
        if reason is None:
            grids[grid_key(run.training)].append(run)
        else:
            singles.append((run, reason))
    during = worker.spec.during
    sampler = CheckpointSampler(worker, base, during) if during is not None else None
    for runs in grids.values():
        singles += train_group(worker, base, runs, sampler)
    for run, reason in singles:
        with worker.run(run.run_id):
            worker.check_cancelled(run.run_id)
            worker.note(f"trains alone: {reason}", run.run_id)
            run.provenance |= {"engine": "alone", "why": reason}
            train_single(worker, base, accelerator, run, sampler)
    for group in joint:
        train_joint(worker, base, accelerator, group, sampler)


def load_runs(
    worker: Worker, base: Base, accelerator: Accelerator, specs: Sequence[RunSpec]
) -> list[TrainingRun]:
    """Read the runs that are to be trained; what is wrong with one becomes its outcome."""
    runs: list[TrainingRun] = []
    for spec in specs:
        try:
            worker.check_cancelled(spec.run_id)
            run = load_run(worker, base, spec)
        except Exception as error:  # this run's alone
            worker.begin_run(spec.run_id)
            worker.record_error(spec.run_id, error)
            continue
        if run is None:
            worker.begin_run(spec.run_id)
            worker.end_run(spec.run_id)
        else:
            runs.append(run)
    accelerator.wait_for_everyone()  # all have read before one removes incomplete checkpoints
    if worker.main:
        for run in runs:
            clear(worker.run_paths(run.run_id), after=run.step)
    return runs


def train(worker: Worker) -> None:
    """Train every run of the launch."""
    specs = [worker.run_spec(run_id) for run_id in worker.spec.run_ids]
    first = next(spec for spec in specs if spec.training is not None)
    precision = first.training.precision if first.training else "auto"
    accelerator = Accelerator(mixed_precision="fp16" if precision == "fp16" else "no")
    if accelerator.num_processes > 1:
        worker.any_process = any_process(accelerator)
    groups: dict[tuple[Any, ...], list[RunSpec]] = defaultdict(list)
    for spec in specs:
        groups[load_key(spec)].append(spec)
    for group in groups.values():
        training = group[0].training
        try:
            base = load_base(group[0].model, training, group[0].chat_template, accelerator.device)
        except Exception as error:  # the other groups have models of their own
            for spec in group:
                worker.begin_run(spec.run_id)
                worker.record_error(spec.run_id, error)
            continue
        worker.emit("ready", message=base.reason)
        print(base.reason, flush=True)
        train_loaded(worker, base, accelerator, group)
