"""Grades in, and how graders agree.

Promises: an import is checked whole before a line of it is kept; importing a file twice adds
nothing; agreement is over the samples that both graded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.schema import Definition, Rubric
from store import grades as stored
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import digest, short_hash
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.services.data.database import reading
from wgen_tui.services.experiments import definitions
from wgen_tui.services.grading.import_lines import ImportedLine, read_import
from wgen_tui.services.grading.session import (
    grader_name,
    journal_of,
    rubric_hash,
    rubric_named,
    rubrics,
)
from wgen_tui.services.statistics.kappa import Agreement, agreement_of

SHOWN = 10  # wrong lines that are named


def import_grades(
    home: Home, experiment: str, path: Path, grader: str = "", columns: Sequence[str] = ()
) -> int:
    """Import grades from a CSV or JSON file with `sample_id`, a label or a number, and `grader`.

    All of them or none: every line is checked first. A `number` stands beside a label or, where the
    label is empty, alone. A person's are by a rubric of the experiment; a verdict that was made
    elsewhere stands under its true grader's name (`model:gpt-4.1`), by a judge of any name, and its
    labels need no key.

    Args:
        home: Where the samples are.
        experiment: Whose.
        path: The file; a log of Inspect (`.eval`) too, whose samples have our ids.
        grader: Whose verdicts they are, where the file does not say.
        columns: Columns of which each has the verdicts of the judge that it is called.

    Returns:
        How many were new.

    Raises:
        UsageError: naming each line that is wrong.
    """
    lines = read_import(path, grader, columns)
    definition = definitions.load(home, experiment)
    if not definition.rubrics and not all(_made_elsewhere(line.grader) for line in lines):
        rubrics(home, experiment)  # says that there is none, and how one is written
    with reading(home) as con:
        runs = stored.samples_known(con, [line.sample_id for line in lines])
    problems: list[str] = []
    rows_by_grader: dict[str, list[GradeRow]] = {}
    for line in lines:
        try:
            row = _grade_row(line, definition, runs)
        except ValueError as error:
            problems.append(f"line {line.number_in_file}: {error}")
        else:
            rows_by_grader.setdefault(row.grader, []).append(row)
    if problems:
        more = f"\nand {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise UsageError(
            f"{path}: " + "\n".join(problems[:SHOWN]) + more,
            title="Grades not imported",
            hint="Nothing was written.",
        )
    with reading(home) as con:
        ids = [row.grade_id for listed in rows_by_grader.values() for row in listed]
        before = stored.grades_known(con, ids)
    fresh = {
        name: [row for row in listed if row.grade_id not in before]
        for name, listed in rows_by_grader.items()
    }
    for name, listed in fresh.items():
        if listed:
            journal_of(home, name).append(*listed)
    return sum(map(len, fresh.values()))


def _made_elsewhere(grader: str) -> bool:
    """Whether a grader is none of ours and no person: it has a kind before a colon."""
    kind, colon, name = grader.partition(":")
    return bool(colon and name) and kind not in ("human", "rule") and kind.isidentifier()


def _grade_row(line: ImportedLine, definition: Definition, runs: Mapping[int, str]) -> GradeRow:
    """A line as it is written.

    Raises:
        ValueError: it says nothing that can be kept, and why.
    """
    if line.sample_id not in runs:
        raise ValueError(f"no sample {line.sample_id}")
    if line.grader.startswith("rule:"):
        raise ValueError(f"{line.grader}: rules are run here; verdicts of them are not imported")
    if _made_elsewhere(line.grader):
        judge, grader, rubric = line.judge, line.grader, short_hash("imported", line.judge)
        if not judge:
            raise ValueError(f"a verdict by {grader} needs the name of its judge")
        _refuse_other_labels(line, definition)
    else:
        chosen = _rubric_of(line, definition.rubrics)
        judge, rubric = chosen.name, rubric_hash(chosen)
        by_person = line.grader.startswith("human:")
        grader = line.grader if by_person else grader_name(line.grader or None)
    more = (line.explanation,) if line.number is None else (line.explanation, line.number)
    return GradeRow(
        grade_id=digest("import", line.sample_id, judge, grader, line.label, *more),
        sample_id=line.sample_id,
        run_id=runs[line.sample_id],
        judge=judge,
        grader=grader,
        rubric=rubric,
        label=line.label,
        number=line.number,
        explanation=line.explanation,
        seconds=line.seconds,
        created_at=now(),
    )


def _rubric_of(line: ImportedLine, listed: Sequence[Rubric]) -> Rubric:
    """The rubric of a person's grade.

    Raises:
        ValueError: there is none of that name, or the verdict is not one of its own.
    """
    known = {rubric.name: rubric for rubric in listed}
    rubric = known.get(line.judge) if line.judge else listed[0]
    if rubric is None:
        raise ValueError(f"no rubric {line.judge!r} (there are: {', '.join(known)})")
    if line.label is None and line.number is not None:
        _refuse_beyond(line.number, rubric.scale)
    elif line.label not in rubric.labels:
        labels = ", ".join(rubric.labels)
        raise ValueError(f"no label {line.label!r} in {rubric.name} (there are: {labels})")
    return rubric


def _refuse_other_labels(line: ImportedLine, definition: Definition) -> None:
    """A verdict by a judge of the definition is one that this judge can give.

    Raises:
        ValueError: it is not.
    """
    for judge in definition.model_judges:
        if judge.name != line.judge:
            continue
        if judge.type == "rating_judge" and line.number is not None:
            _refuse_beyond(line.number, judge.range)
        labels = judge.word_labels.values() if judge.type == "rating_judge" else judge.labels
        if line.label is not None and judge.labels and line.label not in labels:
            known = ", ".join(labels)
            raise ValueError(f"{judge.name} gives no label {line.label!r} (there are: {known})")


def _refuse_beyond(number: float, scale: tuple[int, int] | None) -> None:
    if scale is not None and not scale[0] <= number <= scale[1]:
        raise ValueError(f"{number:g} is not between {scale[0]} and {scale[1]}")


def agreement(
    home: Home, experiment: str, rubric: str | None = None
) -> list[tuple[str, str, Agreement]]:
    """How people agree with each other and with the judge whose labels the rubric has.

    Returns:
        (one grader, the other, agreement) for every two that graded the same samples; first for
        each person who was shown some twice, beside themselves.
    """
    chosen = rubric_named(home, experiment, rubric)
    with reading(home) as con:
        rows = stored.pairs(con, experiment, chosen.name, chosen.judge)
        repeated = stored.repeats(con, experiment, chosen.name)
    by_grader: dict[str, dict[int, str]] = {}
    for sample_id, grader, label in rows:
        by_grader.setdefault(grader, {})[sample_id] = label
    people = sorted(name for name in by_grader if name.startswith("human:"))
    rules = sorted(name for name in by_grader if not name.startswith("human:"))
    agreements = []
    for name in sorted({item.grader for item in repeated}):
        both = [(item.first, item.second) for item in repeated if item.grader == name]
        agreements.append((name, name, agreement_of(both)))
    for index, one in enumerate(people):
        for other in [*people[index + 1 :], *rules]:
            common = sorted(by_grader[one].keys() & by_grader[other].keys())
            if common:
                labels = [(by_grader[one][i], by_grader[other][i]) for i in common]
                agreements.append((one, other, agreement_of(labels)))
    return agreements
