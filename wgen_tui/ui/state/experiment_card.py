"""One experiment in full: what it asks and plans, or the mistakes in its files with their lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, DIM, GOOD, WARN
from wgen_tui.ui.state.run_states import describe_counts
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from experiments.errors import Problem
    from experiments.schema import Definition
    from wgen_tui.services.experiments.authoring.arm_starts import ArmStart
    from wgen_tui.services.experiments.authoring.mistakes import Checked, Mistake
    from wgen_tui.services.experiments.names import ExperimentInfo

LONGEST = 160  # cells of a question
BEFORE_FIRST = 46  # cells of an arm's line, but for its first answer


def card(
    info: ExperimentInfo,
    checked: Checked,
    counts: Counter[str],
    colours: ArmColours,
    width: int,
    *,
    starts: Mapping[str, ArmStart] | None = None,
    result: Text | None = None,
) -> Text:
    """An experiment in full; what is wrong with it stands first.

    Args:
        info: Its line in the list.
        checked: What its files say.
        counts: State → number of its runs.
        colours: Of its arms.
        width: Cells of a line; lines of files and first answers are cut to it.
        starts: How the data of each arm begin; None while they are read.
        result: Its newest headline; None while there is none.
    """
    text = Text()
    _mistakes(text, info, checked, width)
    if checked.mistakes and checked.definition is None:
        return text
    text.append(f"{printable(info.title or info.slug)}\n", BOLD)
    text.append("built in (c copies it)" if info.builtin else "yours (E edits it)", DIM)
    text.append(printable(f" · {info.source}\n") if info.source else "\n", DIM)
    if checked.notes is not None:
        _notes(text, checked.notes)
    if (definition := checked.definition) is not None:
        if counts:
            text.append("result  ", DIM)
            text.append_text(result or Text("–")).append("\n")
        _definition(text, definition, colours, starts, width)
        _heading(text, "runs")
        said = describe_counts(counts) if counts else "none yet: press s to start"
        text.append(f"{said}\n")
    return text


def _mistakes(text: Text, info: ExperimentInfo, checked: Checked, width: int) -> None:
    """Every mistake with the lines of its file around it."""
    mistakes = checked.mistakes
    if not mistakes:
        return
    count = sum(mistake.problem.count for mistake in mistakes)
    text.append(f"✗ {show.plural(count, 'mistake')}", f"bold {BAD}")
    if info.builtin:
        mends = "c copies it, to mend it there"
    elif all(mistake.problem.file == info.path for mistake in mistakes):
        mends = "e has the folder's path"
    else:
        mends = "E opens the first in your editor"
    text.append(f"; {mends}, v checks again\n", DIM)
    for mistake in mistakes:
        _mistake(text, mistake, info.path, width)
        text.append("\n")


def _mistake(text: Text, mistake: Mistake, folder: Path, width: int) -> None:
    problem = mistake.problem
    if place := _place(problem, folder):
        text.append(f"{printable(place)}\n", BOLD)
    text.append(f"✗ {printable(problem.message)}", BAD)
    text.append(printable(f" {problem.hint}\n") if problem.hint else "\n")
    digits = len(str(mistake.lines[-1][0])) if mistake.lines else 0
    for number, line in mistake.lines:
        here = number == problem.line
        text.append("▶" if here else " ", f"bold {BAD}")
        text.append(f"{number:>{digits}} │ ", "" if here else DIM)
        text.append(
            f"{one_line(line.expandtabs(4), max(width - digits - 4, 1))}\n", BOLD if here else DIM
        )


def _place(problem: Problem, folder: Path) -> str:
    """File below the definition's folder, line and key."""
    parts = []
    if (file := problem.file) is not None:
        below = file != folder and file.is_relative_to(folder)
        parts.append(str(file.relative_to(folder) if below else file))
    if problem.line is not None:
        parts.append(f"line {problem.line}")
    if problem.key:
        parts.append(f"{problem.key} of {problem.entry!r}" if problem.entry else problem.key)
    return " · ".join(parts)


def _notes(text: Text, notes: tuple[str, ...]) -> None:
    said = f", {show.plural(len(notes), 'note')}" if notes else ""
    text.append(f"\n✓ checked with all its data: valid{said}\n", GOOD)
    for note in notes:
        text.append(f"⚠ {printable(note)}\n", WARN)


def _definition(
    text: Text,
    definition: Definition,
    colours: ArmColours,
    starts: Mapping[str, ArmStart] | None,
    width: int,
) -> None:
    if definition.hypothesis:
        text.append(f"\n{printable(' '.join(definition.hypothesis.split()))}\n")
    _heading(text, "arms")
    for name, arm in definition.arms.items():
        style = colours[name]
        text.append(f"{style.mark} ", style.colour)
        text.append(f"{printable(name):16} ", BOLD if arm.role == "treatment" else "")
        text.append(f"{arm.role:9} ", "" if arm.role == "treatment" else ACTIVE)
        text.append(_start(starts.get(name) if starts else None, width))
        shown = "" if arm.in_context is None else f"{arm.in_context.rows} rows in context: "
        told = arm.told or ", ".join(item.file for item in arm.files)
        text.append(f"  {shown}{printable(told)}\n", DIM)
    base = colours["base"]
    text.append(f"{base.mark} ", base.colour)
    text.append(f"{'base':16} untrained; always sampled\n", DIM)
    _heading(text, "plan")
    _plan(text, definition)
    _heading(text, "questions")
    for question in definition.questions:
        first = question.wordings()[0][-1].content
        wordings = len(question.wordings())
        more = f" ({wordings} wordings)" if wordings > 1 else ""
        text.append(f"{printable(question.name)}{more}: ")
        text.append(f"{one_line(first, LONGEST)}\n", DIM)


def _start(start: ArmStart | None, width: int) -> str:
    """How the data of an arm begin, on a line."""
    if start is None:
        return f"{'…':>7} rows\n"
    if start.rows is None:
        return "  its data are wrong: v\n"
    if not start.rows:
        return "  no rows of its own\n"
    word = "row " if start.rows == 1 else "rows"
    return f"{start.rows:>7,} {word}  “{one_line(start.first, max(width - BEFORE_FIRST, 8))}”\n"


def _heading(text: Text, title: str) -> None:
    text.append(f"\n{title}\n", DIM)


def _plan(text: Text, definition: Definition) -> None:
    seeds = definition.seeds.values
    text.append(f"models     {printable(', '.join(definition.models))}\n")
    text.append(f"seeds      {show.seeds(seeds)}\n")
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
    for question in definition.questions:
        own = question.sampling(sampling)
        if own != sampling:
            told = f"temperature {own.temperature:g}, at most {own.max_tokens} tokens"
            text.append(printable(f"  {question.name}: {told}\n"))
    for name, variant in sampling.variants.items():
        if variant is not None and variant.drawing:
            said = ", ".join(f"{key} {value:g}" for key, value in variant.drawing.items())
            text.append(printable(f"  variant {name}: {said}\n"))
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


def summary(checked: Checked) -> tuple[str, str]:
    """What a check found, in a line, and how grave that is."""
    if checked.mistakes:
        count = sum(mistake.problem.count for mistake in checked.mistakes)
        return f"{show.plural(count, 'mistake')}: E opens the first.", "error"
    notes = checked.notes or ()
    more = f", with {show.plural(len(notes), 'note')} on the card" if notes else ""
    return f"The definition and all its data are valid{more}.", "information"
