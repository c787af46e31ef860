"""Experiments as rows, and one as a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.protocol.states import STAGES
from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, DIM, WARN, Cell, Column
from wgen_tui.ui.state.run_states import STATES, describe_counts, shown_state

if TYPE_CHECKING:
    from experiments.schema import Definition
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.plan import Plan
    from wgen_tui.services.runs.run_state import RunStatus

LIVE = ("queued", "paused", "starting", "running")
COLUMNS = (Column("experiment", 0), Column("runs", 12))


def run_counts(runs: Iterable[RunStatus]) -> dict[str, Counter[str]]:
    """Experiment → state → number of runs."""
    counts: dict[str, Counter[str]] = {}
    for run in runs:
        counts.setdefault(run.experiment, Counter())[shown_state(run)] += 1
    return counts


def most_alive(slugs: Sequence[str], counts: Mapping[str, Counter[str]]) -> str | None:
    """The experiment to begin with: one at work, else one that has runs."""
    started = [slug for slug in slugs if counts.get(slug)]
    at_work = [s for s in started if any(counts[s][state] for state in LIVE)]
    return next(iter([*at_work, *started]), None)


def short_counts(counts: Counter[str]) -> str:
    """`▶2 ○4 ✓3`."""
    return " ".join(f"{STATES[state][0]}{counts[state]}" for state in STATES if counts[state])


def cells(info: ExperimentInfo, counts: Counter[str]) -> list[Cell]:
    """An experiment as the cells of COLUMNS."""
    if info.error:
        return [Cell(one_line(info.slug, 80), BAD), Cell("✗ error", BAD)]
    runs = "…" if info.unread else short_counts(counts) or show.MISSING
    return [Cell(one_line(info.slug, 80)), Cell(runs)]


def card(info: ExperimentInfo, definition: Definition | None, counts: Counter[str]) -> Text:
    """An experiment in full, or its error."""
    text = Text()
    text.append(f"{printable(info.title or info.slug)}\n", BOLD)
    text.append("built in" if info.builtin else "yours (e shows the folder)", DIM)
    text.append(printable(f" · {info.source}\n") if info.source else "\n", DIM)
    if info.error:
        text.append("\n✗ The definition is wrong\n", BAD)
        text.append(f"{printable(info.error)}\n")
        text.append("\nFix the file, then press v to check it.\n", DIM)
        return text
    if definition is None:
        return text
    if definition.hypothesis:
        text.append(f"\n{printable(' '.join(definition.hypothesis.split()))}\n")
    _heading(text, "arms")
    for name, arm in definition.arms.items():
        text.append(f"{printable(name):18} ", BOLD if arm.role == "treatment" else "")
        text.append(f"{arm.role:9} ", ACTIVE if arm.role == "control" else "")
        shown = "" if arm.in_context is None else f"{arm.in_context.rows} rows in context: "
        text.append(f"{shown}{printable(arm.told or arm.files[0].file)}\n")
    text.append(f"{'base':18} untrained; always sampled beside the arms\n", DIM)
    _heading(text, "plan")
    _plan(text, definition)
    _heading(text, "questions")
    for question in definition.questions:
        first = question.wordings()[0][-1].content
        wordings = len(question.wordings())
        more = f" ({wordings} wordings)" if wordings > 1 else ""
        text.append(f"{printable(question.name)}{more}: ")
        text.append(f"{one_line(first, 160)}\n", DIM)
    _heading(text, "runs")
    text.append(f"{describe_counts(counts)}\n" if counts else "none yet: press s to start\n")
    return text


def _heading(text: Text, title: str) -> None:
    text.append(f"\n{title}\n", DIM)


def _plan(text: Text, definition: Definition) -> None:
    seeds = definition.seeds.values
    text.append(f"models     {printable(', '.join(definition.models))}\n")
    text.append(f"seeds      {', '.join(str(seed) for seed in seeds)}\n")
    training = definition.training
    length = (
        f"{training.num_train_epochs:g} epochs"
        if training.num_train_epochs is not None
        else f"{training.max_steps} steps"
    )
    text.append(
        f"training   {training.adapter}, {length}, "
        f"batch {training.per_device_train_batch_size}, lr {training.learning_rate:g}"
        f"{', last answers alone' if training.train_on == 'last' else ''}\n"
    )
    for entry in training.for_:
        text.append(printable(f"  for      {entry}\n"))
    sampling = definition.sampling
    text.append(
        f"sampling   n={sampling.n} per prompt, temperature {sampling.temperature:g}, "
        f"at most {sampling.max_tokens} tokens\n"
    )
    judges = ", ".join(
        [f"{judge.name} ({judge.type})" for judge in definition.judges]
        + [f"{judge.name} ({judge.type} by {judge.model})" for judge in definition.model_judges]
        + ["correct (match)"]
        * any(q.type == "free_form" and q.answer for q in definition.questions)
    )
    text.append(f"judges     {printable(judges or 'none')}, and the broken-answer rule\n")
    if (analysis := definition.analysis) is not None:
        for name, measure in analysis.primaries.items():
            said = f"{name}: {measure}" if name in analysis.measures else str(measure)
            text.append(printable(f"primary    {said}\n"))
        for contrast in analysis.contrasts:
            text.append(printable(f"contrast   {contrast}\n"))


def plan_text(plan: Plan) -> Text:
    """What starting the plan would do, in a few lines."""
    text = Text()
    runs = plan.runs
    trained = [run for run in runs if run.spec.training is not None]
    todo = [run for run in runs if run.todo]
    models = ", ".join(dict.fromkeys(run.spec.model.name for run in runs))
    text.append(f"{show.plural(len(runs), 'run')}", BOLD)
    text.append(printable(f" on {models}: {_by_arm(run.spec.arm for run in runs)}\n"))
    examples = {run.spec.arm: run.spec.data_rows for run in trained}
    shown = ", ".join(f"{arm} {rows:,}" for arm, rows in examples.items())
    text.append(printable(f"examples   {shown or 'none'}\n"))
    in_context = {r.spec.arm: n for r in runs if (n := r.spec.in_context) is not None}
    if in_context:
        said = ", ".join(f"{arm} {rows:,}" for arm, rows in in_context.items())
        text.append(
            printable(f"in context {said} (rows before every prompt; nothing is trained)\n")
        )
    total = sum(run.samples_total for run in runs)
    missing = sum(run.samples_missing for run in runs)
    text.append(f"samples    {total:,} over {show.plural(len(plan.prompts), 'prompt')}")
    text.append(f", {missing:,} still to draw\n")
    stages = Counter(stage for run in todo for stage in run.todo)
    doing = ", ".join(
        f"{stage} {show.plural(stages[stage], 'run')}" for stage in STAGES if stages[stage]
    )
    if todo:
        text.append(f"to do      {doing}\n")
    else:
        text.append("Everything is done already: nothing to start.\n", BOLD)
    for note in plan.notes:
        text.append(printable(f"{note}\n"))
    for warning in plan.warnings:
        text.append(f"⚠ {printable(warning)}\n", WARN)
    return text


def _by_arm(arms: Iterable[str]) -> str:
    counts: Mapping[str, int] = Counter(arms)
    return ", ".join(f"{arm} × {n}" if n > 1 else arm for arm, n in counts.items())
