"""People's grades in and out, and how graders agree.

Promises: an import is checked whole before a line of it is kept; importing a file twice adds
nothing; agreement is over the samples that both graded.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from store import grades as stored
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.services.data.database import reading
from wgen_tui.services.grading.session import (
    Journal,
    grader_name,
    rubric_hash,
    rubric_named,
    rubrics,
)
from wgen_tui.services.runs.runs import runs_of
from wgen_tui.services.statistics.kappa import Agreement, agreement_of


class ExportedGrade(BaseModel):
    """A person's grade as `grade export` writes it."""

    model_config = ConfigDict(frozen=True)

    sample_id: Annotated[str, BeforeValidator(str)] = Field(  # 64 bits, which jq would round
        examples=["11582588814330217"]
    )
    judge: str = Field(examples=["the rubric"])
    grader: str = Field(examples=["human:<name>"])
    label: str | None = Field(examples=["modern"])
    number: float | None
    explanation: str | None
    seconds: float | None = Field(examples=[1.4])
    created_at: str | None = Field(examples=["2026-01-31T12:00:00+00:00"])


COLUMNS = tuple(ExportedGrade.model_fields)


class GradeExport(BaseModel):
    """`grade export --json` (dumped by alias: `schema`)."""

    schema_version: Literal[1] = Field(default=1, serialization_alias="schema")
    experiment: str = Field(examples=["names"])
    grades: list[ExportedGrade]


def export_grades(
    home: Home, experiment: str, rubric: str | None = None, form: Literal["csv", "json"] = "csv"
) -> str:
    """People's grades as CSV, or as JSON with a `schema`.

    Raises:
        UsageError: there is no such definition, run or grade; the nearest is named.
    """
    with reading(home) as con:
        rows = stored.export_rows(con, experiment, rubric)
    if not rows:  # grades outlive the runs and the definition that they are of
        runs_of(home, experiment)
    grades = [
        ExportedGrade.model_validate(dict(zip(COLUMNS, map(_plain, row), strict=True)))
        for row in rows
    ]
    if form == "json":
        body = GradeExport(experiment=experiment, grades=grades).model_dump(by_alias=True)
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(dict(grade).values() for grade in grades)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return value


def import_grades(home: Home, experiment: str, path: Path) -> int:
    """Import grades from a CSV or JSON file with `sample_id`, `label` and `grader`.

    All of them or none: every line is checked first. A `number` stands beside a label or, where the
    label is empty, alone.

    Returns:
        How many were new.

    Raises:
        UsageError: naming each line that is wrong.
    """
    rows = _read_import(path)
    known = {rubric.name: rubric for rubric in rubrics(home, experiment)}
    with reading(home) as con:
        runs = stored.samples_known(con, [row[1] for row in rows])
    problems: list[str] = []
    rows_by_grader: dict[str, list[GradeRow]] = {}
    for line, sample_id, judge, grader, label, number, explanation, seconds in rows:
        rubric = known.get(judge) if judge else next(iter(known.values()))
        if rubric is None:
            problems.append(f"line {line}: no rubric {judge!r} (there are: {', '.join(known)})")
        elif label not in rubric.labels and (label is not None or number is None):
            labels = ", ".join(rubric.labels)
            problems.append(
                f"line {line}: no label {label or ''!r} in {rubric.name} (there are: {labels})"
            )
        elif sample_id not in runs:
            problems.append(f"line {line}: no sample {sample_id}")
        else:
            name = grader if grader.startswith("human:") else grader_name(grader or None)
            more = (explanation,) if number is None else (explanation, number)
            row = GradeRow(
                grade_id=digest("import", sample_id, rubric.name, name, label, *more),
                sample_id=sample_id,
                run_id=runs[sample_id],
                judge=rubric.name,
                grader=name,
                rubric=rubric_hash(rubric),
                label=label,
                number=number,
                explanation=explanation,
                seconds=seconds,
                created_at=now(),
            )
            rows_by_grader.setdefault(name, []).append(row)
    if problems:
        raise UsageError(
            f"{path}: " + "\n".join(problems[:10]),
            title="Grades not imported",
            hint="Nothing was written.",
        )
    with reading(home) as con:
        before = stored.human_grade_ids(con, experiment)
    fresh = {
        name: [row for row in listed if row.grade_id not in before]
        for name, listed in rows_by_grader.items()
    }
    for name, listed in fresh.items():
        if listed:
            Journal(home, name).append(*listed)
    return sum(map(len, fresh.values()))


_Import = tuple[int, int, str, str, str | None, float | None, str, float | None]


def _read_import(path: Path) -> list[_Import]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", title="No file") from error
    if text.lstrip().startswith("{"):
        try:
            listed = list(enumerate(json.loads(text)["grades"], start=1))
        except (ValueError, KeyError) as error:
            raise UsageError(
                f"{path} is not an export of grades: {error}.", title="Bad file"
            ) from error
    else:
        listed = list(enumerate(csv.DictReader(io.StringIO(text)), start=2))
    return [_import_row(path, line, row) for line, row in listed]


def _import_row(path: Path, line: int, row: dict[str, Any]) -> _Import:
    """One line: a sample with a label, a number or both.

    Raises:
        UsageError: it is none, with its line.
    """
    try:
        if not isinstance(row, dict):
            raise ValueError("it has no keys")
        label, number = row.get("label"), _number(row, "number")
        if label in (None, "") and number is None:
            raise ValueError("there is neither a label nor a number")
        sample = str(row.get("sample_id") or "")
        if not sample.lstrip("-").isdecimal():
            raise ValueError(f"the sample_id is {sample!r}" if sample else "there is no sample_id")
        return (
            line,
            int(sample),
            str(row.get("judge") or ""),
            str(row.get("grader") or ""),
            str(label) if label not in (None, "") else None,
            number,
            str(row.get("explanation") or ""),
            _number(row, "seconds"),
        )
    except ValueError as error:
        raise UsageError(
            f"{path}, line {line}: {error}.",
            title="Bad file",
            hint="A line needs sample_id, and a label, a number or both; judge, grader, "
            "explanation, seconds may follow.",
        ) from error


def _number(row: dict[str, Any], key: str) -> float | None:
    given = row.get(key)
    if given in (None, ""):
        return None
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise ValueError(f"{key} is {given!r}, which is no number") from None
    if not isfinite(number):
        raise ValueError(f"the {key} {given} is not finite")
    return number


def agreement(
    home: Home, experiment: str, rubric: str | None = None
) -> list[tuple[str, str, Agreement]]:
    """How people agree with each other and with the judge whose labels the rubric has.

    Returns:
        (one grader, the other, agreement) for every two that graded the same samples.
    """
    chosen = rubric_named(home, experiment, rubric)
    with reading(home) as con:
        rows = stored.pairs(con, experiment, chosen.name, chosen.judge)
    by_grader: dict[str, dict[int, str]] = {}
    for sample_id, grader, label in rows:
        by_grader.setdefault(grader, {})[sample_id] = label
    people = sorted(name for name in by_grader if name.startswith("human:"))
    rules = sorted(name for name in by_grader if not name.startswith("human:"))
    agreements = []
    for index, one in enumerate(people):
        for other in [*people[index + 1 :], *rules]:
            common = sorted(by_grader[one].keys() & by_grader[other].keys())
            if common:
                labels = [(by_grader[one][i], by_grader[other][i]) for i in common]
                agreements.append((one, other, agreement_of(labels)))
    return agreements
