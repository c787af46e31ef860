"""What a definition asks of the sample and judge stages, once the command line has been heard.

Promises: the id of a prompt covers its messages and its place in the definition, so that the same
prompt has the same samples in every launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from experiments.answers import correct_rules
from experiments.prompts import drawing_of, render_prompts
from experiments.readouts import render_readouts
from experiments.schema import Definition
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import DrawnOtherwise, JudgeStage, ReadoutSpec, SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.run_files.steps import kept_steps
from wgen_tui.services.experiments.arms.arm_steps import kept_instead, nearest_step
from wgen_tui.services.experiments.prompt_ids import prompt_spec


def make_sample_stage(
    definition: Definition, n: int | None = None, checkpoints: str | None = None
) -> SampleStage:
    """What is drawn and read from each checkpoint.

    Args:
        definition: The experiment.
        n: Draws of each prompt; the definition's when None.
        checkpoints: `final`, `all`, or steps such as `10,20`; the definition's when None.

    Raises:
        UsageError: n is below one, or the checkpoints are none of these.
    """
    sampling = definition.sampling
    by_question = {
        question.name: question.samples_per_paraphrase
        for question in definition.questions
        if question.samples_per_paraphrase is not None
    }
    others = {
        question.name: own
        for question in definition.questions
        if (own := question.sampling(sampling)) != sampling
    }
    variants = {
        name: DrawnOtherwise.model_validate(said)
        for name, said in drawing_of(definition.sampling).items()
    }
    if n is not None:
        if n < 1:
            raise UsageError(
                f"--n {n}: at least one sample of each prompt is needed.",
                title="Nothing to sample",
            )
        sampling, by_question = sampling.model_copy(update={"n": n}), {}
        variants = {name: own.model_copy(update={"n": None}) for name, own in variants.items()}
    prompts = tuple(prompt_spec(prompt) for prompt in render_prompts(definition))
    readouts = tuple(
        ReadoutSpec(
            prompt=prompt_spec(item),
            type=item.type,
            order=item.order,
            continuations=item.continuations,
            top_logprobs=item.top_logprobs,
        )
        for item in render_readouts(definition)
    )
    return SampleStage(
        prompts=prompts,
        sampling=sampling,
        n_by_question=by_question,
        sampling_by_question=others,
        by_variant=variants,
        checkpoints=_parse_checkpoints(checkpoints) or sampling.checkpoints,
        readouts=readouts,
    )


def _parse_checkpoints(text: str | None) -> Literal["final", "all"] | tuple[int, ...] | None:
    if text is None:
        return None
    if text in ("final", "all"):
        return "final" if text == "final" else "all"
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise UsageError(
            f"--checkpoints {text}: give final, all, or steps such as 10,20.",
            title="Bad checkpoints",
        ) from error


def unkept_notes(home: Home, runs: Sequence[RunSpec], stage: SampleStage) -> list[str]:
    """Arms that keep no checkpoint at a step that is to be sampled.

    Args:
        home: Where runs have the checkpoints that they kept.
        runs: Those that are planned.
        stage: What is drawn, and from which checkpoints.

    Raises:
        UsageError: none of the runs keeps it.
    """
    if isinstance(stage.checkpoints, str):
        return []
    trained = [run for run in runs if run.training is not None and not run.sorts_rows]
    kept = {
        run.run_id: kept_steps(
            checkpoints(home.run(run.run_id), skip_refused=True), run.training, run.trained_rows
        )
        for run in trained
    }
    loose = {run.run_id for run in trained if (run.derived or run.upsample) and not _counted(run)}
    notes = []
    for step in stage.checkpoints if trained else ():
        lacks = [run for run in trained if step not in kept[run.run_id]]
        if step == 0 or not lacks or loose:
            continue  # step 0 is the base
        if len(lacks) == len(trained):
            run = lacks[0]
            raise UsageError(
                f"Nothing keeps a checkpoint at step {step}; of arm {run.arm} "
                f"{kept_instead(step, kept[run.run_id])}.",
                title="No such checkpoint",
                hint=f"--checkpoints {nearest_step(step, kept[run.run_id])}, or change checkpoints "
                "under training.",
            )
        arms = ", ".join(dict.fromkeys(run.arm for run in lacks))
        notes.append(f"step {step} is sampled where it is kept; not by {arms}")
    return notes


def _counted(run: RunSpec) -> bool:
    """Whether its steps are known before its rows are."""
    return run.training is not None and run.training.max_steps is not None


def make_judge_stage(definition: Definition) -> JudgeStage:
    """Which rules grade which questions."""
    return JudgeStage(
        judges=definition.judges,
        judges_by_question={q.name: q.judges for q in definition.questions if q.judges is not None},
        topics={q.name: q.topic for q in definition.questions if q.topic is not None},
        questions={
            q.name: next(m.content for m in reversed(q.wordings()[0]) if m.role == "user")
            for q in definition.questions
        },
        correct={
            q.name: rules
            for q in definition.questions
            if (rules := correct_rules(q, definition.sampling))
        },
    )
