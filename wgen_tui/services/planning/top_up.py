"""More draws from runs that are there: a plan that trains nothing and starts no new run.

Promises: only what is missing is drawn, by the ordinary plan and commit; draws that are there stay
as they are, and count towards n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from experiments.schema import Definition
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.planning.todo import PlannedRun, missing_stages
from wgen_tui.services.runs.runs import get_run, read_spec, run_names
from wgen_tui.services.suggest import unknown


def plan_top_up(
    home: Home,
    slug_or_path: str,
    n: int,
    *,
    questions: Sequence[str] | None = None,
    runs: Sequence[str] | None = None,
    checkpoints: str | None = None,
    trust_remote_code: bool = False,
) -> Plan:
    """Plan what brings every prompt to `n` draws.

    Args:
        home: Where the runs are.
        slug_or_path: The experiment.
        n: Draws of each prompt, those that are there included.
        questions: Only of these.
        runs: Only of these runs, by id or by the hash at its end; all trained ones when None.
        checkpoints: As of `run start`.
        trust_remote_code: Likewise.

    Raises:
        UsageError: an unknown question or run, or none that can be sampled.
    """
    definition = definitions.load(home, slug_or_path)
    specs = _specs(home, definition.slug, runs)
    options = Options(
        models=list(dict.fromkeys(spec.model.name for spec in specs)),
        seeds=",".join(map(str, sorted({spec.seeds.seed for spec in specs}))),
        n=n,
        checkpoints=checkpoints,
        trust_remote_code=trust_remote_code,
        trust_pickle=any(spec.model.trust_pickle for spec in specs),
    )
    plan = make_plan(home, slug_or_path, options)
    job = _only(plan.sample, definition, questions)
    asked = {spec.run_id for spec in specs}
    planned = [
        missing_stages(home, run.spec, run.data, job, plan.judge)
        for run in plan.runs
        if run.spec.run_id in asked
    ]
    ready = [run for run in planned if "train" not in run.todo]
    warnings = [*plan.warnings, *_left_out(asked, planned, ready)]
    if not ready:
        raise UsageError(
            f"No run of {definition.slug} can be sampled: {'; '.join(warnings) or 'none is there'}.",
            title="Nothing to top up",
            hint=f"wgen-tui run start {slug_or_path}",
        )
    return replace(
        plan, runs=tuple(ready), prompts=job.prompts, sample=job, warnings=tuple(warnings)
    )


def _specs(home: Home, slug: str, names: Sequence[str] | None) -> list[RunSpec]:
    """The runs that are meant."""
    ids = run_names(home) if names is None else [get_run(home, name).run_id for name in names]
    found = [spec for run_id in ids if (spec := read_spec(home, run_id)) is not None]
    others = [spec.run_id for spec in found if spec.experiment != slug]
    if names is not None and others:
        raise UsageError(
            f"{others[0]} is no run of {slug}.",
            title="Another experiment's run",
            hint=f"wgen-tui run list --experiment {slug}",
        )
    mine = [spec for spec in found if spec.experiment == slug]
    if not mine:
        raise UsageError(
            f"Experiment {slug} has no runs.",
            title="Nothing to top up",
            hint=f"wgen-tui run start {slug}",
        )
    return mine


def _only(job: SampleStage, definition: Definition, questions: Sequence[str] | None) -> SampleStage:
    """The job with these questions alone."""
    if questions is None:
        return job
    known = [question.name for question in definition.questions]
    for name in questions:
        if name not in known:
            raise unknown("question", name, known)
    if not questions:
        raise UsageError("No question was given.", title="No questions")
    kept = tuple(prompt for prompt in job.prompts if prompt.question in questions)
    read = tuple(item for item in job.readouts if item.prompt.question in questions)
    return job.model_copy(update={"prompts": kept, "readouts": read})


def _left_out(
    asked: set[str], planned: Sequence[PlannedRun], ready: Sequence[PlannedRun]
) -> list[str]:
    """Runs that are there and are not topped up, and why."""
    found = []
    if changed := len(asked) - len(planned):
        found.append(f"{changed} runs are of another version of the definition and are left alone")
    if untrained := len(planned) - len(ready):
        found.append(f"{untrained} runs are not trained yet and are left out")
    return found
