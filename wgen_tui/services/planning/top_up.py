"""More draws from existing runs: a plan that trains nothing and starts no new run.

Promises: only what is missing is drawn, by the ordinary plan and commit; existing draws stay as
they are, and count towards n.
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
from wgen_tui.services.planning.todo import PlannedRun, missing_stages, with_panels
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
    """Plan the draws that bring every prompt to `n`.

    Args:
        home: Where the runs are.
        slug_or_path: The experiment.
        n: Draws of each prompt, existing ones included.
        questions: Only these.
        runs: Only these, by id or by the hash at its end; all trained ones when None.
        checkpoints: As for `run start`.
        trust_remote_code: As for `run start`.

    Raises:
        UsageError: an unknown question or run, or none that can be sampled.
    """
    definition = definitions.load(home, slug_or_path)
    specs = _select_runs(home, definition.slug, runs)
    options = Options(
        models=list(dict.fromkeys(spec.model.name for spec in specs)),
        seeds=",".join(map(str, sorted({spec.seeds.seed for spec in specs}))),
        n=n,
        checkpoints=checkpoints,
        trust_remote_code=trust_remote_code,
        trust_pickle=any(spec.model.trust_pickle for spec in specs),
    )
    plan = make_plan(home, slug_or_path, options, trains=False)
    stage = _only_questions(plan.sample, definition, questions)
    asked = {spec.run_id for spec in specs}
    planned = [
        missing_stages(home, run.spec, run.data, stage, plan.judge)
        for run in plan.runs
        if run.spec.run_id in asked
    ]
    ready = with_panels(
        home, [run for run in planned if "train" not in run.todo], plan.panels, stage
    )
    warnings = [*plan.warnings, *_skipped_warnings(asked, planned, ready)]
    if not ready:
        raise UsageError(
            f"No run of {definition.slug} can be sampled: {'; '.join(warnings) or 'it has none'}.",
            title="Nothing to top up",
            hint=f"wgen-tui run start {slug_or_path}",
        )
    return replace(plan, runs=ready, prompts=stage.prompts, sample=stage, warnings=tuple(warnings))


def _select_runs(home: Home, slug: str, names: Sequence[str] | None) -> list[RunSpec]:
    """The runs to top up."""
    ids = run_names(home) if names is None else [get_run(home, name).run_id for name in names]
    specs = [spec for run_id in ids if (spec := read_spec(home, run_id)) is not None]
    others = [spec.run_id for spec in specs if spec.experiment != slug]
    if names is not None and others:
        raise UsageError(
            f"{others[0]} is not a run of {slug}.",
            title="Another experiment's run",
            hint=f"wgen-tui run list --experiment {slug}",
        )
    mine = [spec for spec in specs if spec.experiment == slug]
    if not mine:
        raise UsageError(
            f"Experiment {slug} has no runs.",
            title="Nothing to top up",
            hint=f"wgen-tui run start {slug}",
        )
    return mine


def _only_questions(
    stage: SampleStage, definition: Definition, questions: Sequence[str] | None
) -> SampleStage:
    """The stage with these questions alone."""
    if questions is None:
        return stage
    known = [question.name for question in definition.questions]
    for name in questions:
        if name not in known:
            raise unknown("question", name, known)
    if not questions:
        raise UsageError("No question was given.", title="No questions")
    prompts = tuple(prompt for prompt in stage.prompts if prompt.question in questions)
    readouts = tuple(item for item in stage.readouts if item.prompt.question in questions)
    return stage.model_copy(update={"prompts": prompts, "readouts": readouts})


def _skipped_warnings(
    asked: set[str], planned: Sequence[PlannedRun], ready: Sequence[PlannedRun]
) -> list[str]:
    """Which runs are not topped up, and why."""
    warnings = []
    if changed := len(asked) - len(planned):
        warnings.append(f"{changed} runs are of another version of the definition and are skipped")
    if untrained := len(planned) - len(ready):
        warnings.append(f"{untrained} runs are not trained yet and are skipped")
    return warnings
