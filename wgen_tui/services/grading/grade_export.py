"""Grades as a file: people's, or those of judges.

Promises: what is held does not grow with the grades, which are written as they are read; a name
that nothing has is refused, with the nearest, before anything is written.
"""

from __future__ import annotations

import csv
import json
import textwrap
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, Literal, TextIO

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from store import grades as stored
from store.connect import Connection
from store.queries import judges
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading
from wgen_tui.services.experiments import definitions
from wgen_tui.services.runs.runs import runs_of
from wgen_tui.services.suggest import unknown


class ExportedGrade(BaseModel):
    """A grade as `grade export` writes it."""

    model_config = ConfigDict(frozen=True)

    sample_id: Annotated[str, BeforeValidator(str)] = Field(  # 64 bits, which jq would round
        examples=["11582588814330217"]
    )
    judge: str = Field(examples=["the rubric or judge"])
    grader: str = Field(examples=["human:<name> | model:<name> | rule:<judge>"])
    label: str | None = Field(examples=["modern"])
    number: float | None
    explanation: str | None
    seconds: float | None = Field(examples=[1.4])
    created_at: str | None = Field(examples=["2026-01-31T12:00:00+00:00"])


Graders = Literal["people", "models", "rules", "all"]
KINDS: dict[str, Graders] = {"human": "people", "model": "models", "rule": "rules"}
COLUMNS = tuple(ExportedGrade.model_fields)


class GradeExport(BaseModel):
    """`grade export --json` (dumped by alias: `schema`)."""

    schema_version: Literal[1] = Field(default=1, serialization_alias="schema")
    experiment: str = Field(examples=["names"])
    grades: list[ExportedGrade]


def export_grades(
    home: Home,
    experiment: str,
    stream: TextIO,
    rubric: str | None = None,
    form: Literal["csv", "json"] = "csv",
    graders: Graders = "people",
) -> int:
    """Write grades as CSV, or as JSON with a `schema`.

    Returns:
        How many.

    Raises:
        UsageError: there is no such definition or run, or no such rubric or judge; the nearest is
            named.
    """
    with reading(home) as con:
        rows = stored.export_rows(con, experiment, rubric, graders)
        first = next(rows, None)
        if first is None:
            _refuse_unknown(home, con, experiment, rubric)
        shown = map(_shown, () if first is None else chain([first], rows))
        return _write_json(experiment, shown, stream) if form == "json" else _csv(shown, stream)


def graders_of(home: Home, experiment: str, rubric: str | None = None) -> list[Graders]:
    """Which kinds of graders have graded an experiment, by a rubric or judge."""
    with reading(home) as con:
        there = judges(con, experiment)
    given = {grader.partition(":")[0] for judge, grader in there if rubric in (None, judge)}
    return [kind for start, kind in KINDS.items() if start in given]


def _refuse_unknown(home: Home, con: Connection, experiment: str, rubric: str | None) -> None:
    """Refuse an experiment or a rubric that is nowhere; grades outlive runs and definitions.

    Raises:
        UsageError: there is none of that name.
    """
    graded = [judge for judge, _ in judges(con, experiment)]
    if not graded:
        runs_of(home, experiment)
    if rubric is None or rubric in graded:
        return
    try:
        definition = definitions.load(home, experiment)
    except UsageError as error:  # its rubrics are not known: what is in the store is
        why = f"The definition cannot be read: {error.message}"
        raise unknown("rubric or judge", rubric, dict.fromkeys(graded), hint=why) from error
    listed = (definition.rubrics, definition.judges, definition.model_judges)
    known = dict.fromkeys([*graded, *(item.name for kind in listed for item in kind)])
    if rubric not in known:
        raise unknown("rubric or judge", rubric, known)


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    grade = dict(zip(COLUMNS, map(_plain, row), strict=True))
    return grade | {"sample_id": str(grade["sample_id"])}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return value


def _csv(grades: Iterable[dict[str, Any]], stream: TextIO) -> int:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    number = 0
    for number, grade in enumerate(grades, 1):  # noqa: B007 - the last is how many
        writer.writerow(grade.values())
    return number


def _write_json(experiment: str, grades: Iterator[dict[str, Any]], stream: TextIO) -> int:
    empty = GradeExport(experiment=experiment, grades=[]).model_dump(by_alias=True)
    head = json.dumps(empty, indent=2, ensure_ascii=False)
    stream.write(head.removesuffix("[]\n}") + "[")
    number = 0
    for number, grade in enumerate(grades, 1):
        text = json.dumps(grade, indent=2, ensure_ascii=False)
        stream.write((",\n" if number > 1 else "\n") + textwrap.indent(text, "    "))
    stream.write("\n  ]\n}\n" if number else "]\n}\n")
    return number
