"""Rows that a model of the experiment makes, before the runs that learn from them are trained.

Promises: which rows come out follows from the run's spec and the teacher's weights alone, so a
launch that was stopped makes the same ones again; rows that were made are kept, with what became of
every answer; what is left out is counted.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import peft

from experiments.readers.mixture import chosen_of
from experiments.schema import Message, Turn
from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.arms import DerivedRows, DerivedSpec
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.judging import JudgedPrompt
from wgen_tui.protocol.record import now, write_durably, write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.terminal_text import are, plural
from wgen_tui.training_data.chat_lines import write_chat
from wgen_tui.workers.arms.kept import AnswerToJudge, Judged, RowJudges
from wgen_tui.workers.arms.made_rows import are_made, made_for
from wgen_tui.workers.arms.teacher import Teacher, teacher_on
from wgen_tui.workers.encoding import render
from wgen_tui.workers.judge.rules import make_rule
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens

SAY_SECONDS = 30.0  # between two notes of how far it is
POLL_SECONDS = 0.5  # between two looks whether to stop


@dataclass
class Answered:
    """What a teacher said: rows in the order of prompts and draws, and the fates of the others."""

    rows: list[bytes] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)  # of each row
    fates: Counter[str] = field(default_factory=Counter)
    drawn: int = 0
    adapter: str | None = None
    judged: Judged | None = None


def with_rows(worker: Worker, base: Base, specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Make the rows that runs lack; the runs that have all theirs.

    What is wrong with one becomes its outcome.
    """
    answers: dict[str, Answered] = {}  # runs with the same recipe share them
    judges = RowJudges(worker, base)

    def lacks(spec: RunSpec) -> bool:
        paths = worker.run_paths(spec.run_id)
        return spec.derived is not None and not are_made(
            paths, spec.run_id, paths.derived, DerivedRows
        )

    def make(spec: RunSpec) -> None:
        assert spec.derived is not None
        _make(worker, base, spec, spec.derived, answers, judges)

    return made_for(worker, specs, lacks, make)


def _make(
    worker: Worker,
    base: Base,
    spec: RunSpec,
    told: DerivedSpec,
    answers: dict[str, Answered],
    judges: RowJudges,
) -> None:
    paths = worker.run_paths(spec.run_id)
    recipe = told.model_dump_json(exclude={"given", "rows", "each"})
    if recipe not in answers:
        answers[recipe] = _answers(worker, base, spec, told, judges)
    said = answers[recipe]
    rows, kept = said.rows, len(said.rows)
    if said.judged is not None:  # also where too few are kept: it says why
        write_durably(paths.judged, said.judged.lines)
    if told.each:  # later answers of a prompt do not replace its first
        pairs = zip(reversed(said.prompts), reversed(said.rows), strict=True)
        rows = [row for _, row in sorted(dict(pairs).items())]
        if len(rows) < told.prompts:
            raise WorkerError(
                f"{told.prompts - len(rows):,} of {told.prompts:,} prompts have no answer that is "
                f"kept, of {told.sampling.n} each ({_told(said.fates)}).",
                title="Too few rows",
                hint="More draws or max_tokens, or a wider keep.",
            )
    wanted = len(rows) if told.rows is None else told.rows
    if not kept or wanted > len(rows):
        raise WorkerError(
            f"{plural(wanted or 1, 'row')} {are(wanted or 1)} wanted of {said.drawn:,} answers of "
            f"{told.teacher}, and {kept:,} {are(kept, 'was', 'were')} kept ({_told(said.fates)}).",
            title="Too few rows",
            hint="More draws or prompts, a wider keep, or more max_tokens."
            + ("" if said.judged is None else f" {paths.judged} has what the judge said."),
        )
    taken = [rows[place] for place in chosen_of(len(rows), wanted, told.seed)]
    given = read_plain(paths.data).splitlines(keepends=True)[: told.given]
    data = b"".join([*given, *taken])
    write_durably(paths.data, data)
    record = DerivedRows(
        run_id=spec.run_id,
        sha256=sha256(data).hexdigest(),
        rows=len(given) + len(taken),
        drawn=said.drawn,
        cut=said.fates["cut"],
        empty=said.fates["empty"],
        kept=kept,
        unjudged=said.fates["unjudged"],
        taken=len(taken),
        teacher_adapter=said.adapter,
        kept_by=None if said.judged is None else said.judged.by,
        judged_sha256=None if said.judged is None else sha256(said.judged.lines).hexdigest(),
        engine=f"{base.engine} / peft {peft.__version__}",
        created_at=now(),
    )
    write_record(paths.derived, record)
    fates = f" ({_told(said.fates)})" if said.fates else ""
    worker.note(
        f"{len(taken):,} rows are answers of {told.teacher}: {said.drawn:,} drawn, {kept:,} kept"
        f"{fates}; {record.rows:,} rows in all",
        spec.run_id,
    )


def _told(fates: Counter[str]) -> str:
    words = {
        "cut": "cut at max_tokens",
        "empty": "empty",
        "not kept": "not kept by the judge",
        "unjudged": "of which the judge gave no verdict",
    }
    return ", ".join(f"{number:,} {words[fate]}" for fate, number in sorted(fates.items()))


def _answers(
    worker: Worker, base: Base, spec: RunSpec, told: DerivedSpec, judges: RowJudges
) -> Answered:
    """Draw every answer, and keep those that the rule or the model keeps."""
    asked = _read_asked(worker, spec, told)
    texts = [render(base.tokenizer, prompt.asked, prompt=True) for prompt in asked]
    prompts = [tuple(base.tokenizer(t, add_special_tokens=False)["input_ids"]) for t in texts]
    ends = end_tokens(base.model, base.tokenizer)
    params = SamplingParams(base.tokenizer, told.sampling, ends)
    with teacher_on(worker, base, told.teacher_run, params, prompts[0]) as teacher:
        completions = _draw(worker, spec, told, teacher, prompts)
    answered = Answered(drawn=len(completions), adapter=teacher.adapter)
    n = told.sampling.n
    fates = _fates(told, completions)
    if told.kept_by is not None:
        whole = [
            AnswerToJudge(number, asked[number // n].slots, completions[number][0])
            for number in sorted(completions)
            if not fates[number]
        ]
        answered.judged = judges.judge(spec, told, told.kept_by, whole)
        fates |= answered.judged.fates
    for number in sorted(completions):
        if fate := fates[number]:
            answered.fates[fate] += 1
            continue
        answer = Turn(role="assistant", content=completions[number][0])
        turns = [Turn(role=t.role, content=t.content) for t in asked[number // n].said]
        answered.prompts.append(number // n)
        answered.rows.append(f"{write_chat([*turns, answer])}\n".encode())
    return answered


def _fates(told: DerivedSpec, completions: Mapping[int, tuple[str, str]]) -> dict[int, str]:
    """Why answers become no rows, as far as no model is asked; empty where nothing says so."""
    rule = None if told.keep is None else make_rule(told.keep, None)

    def fate(text: str, reason: str) -> str:
        if reason == "length":
            return "cut"
        if not text.strip():
            return "empty"
        if rule is None:
            return ""
        said = rule(text)
        return "" if told.keeps(said.label, said.number) else "not kept"

    return {number: fate(*said) for number, said in completions.items()}


def _draw(
    worker: Worker,
    spec: RunSpec,
    told: DerivedSpec,
    teacher: Teacher,
    prompts: Sequence[tuple[int, ...]],
) -> dict[int, tuple[str, str]]:
    """Text and finish reason of every draw, by its number."""
    n = told.sampling.n
    requests = [
        Request(
            place * n + draw,
            prompt,
            digest("derived", told.seed, told.teacher_run, place, draw),
            slot=teacher.slot,
        )
        for place, prompt in enumerate(prompts)
        for draw in range(n)
    ]
    worker.note(f"{len(requests):,} answers of {told.teacher} are drawn first", spec.run_id)
    polled = spoke = time.monotonic()

    def poll() -> None:
        nonlocal polled
        if time.monotonic() - polled > POLL_SECONDS:
            polled = time.monotonic()
            worker.check_cancelled(spec.run_id)

    done: dict[int, tuple[str, str]] = {}
    for completion, _ in teacher.engine.draw([requests], poll):
        done[completion.sample_id] = (completion.text, completion.finish_reason)
        if time.monotonic() - spoke > SAY_SECONDS:
            spoke = time.monotonic()
            worker.note(f"{len(done):,} of {len(requests):,} answers are drawn", spec.run_id)
    return done


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt: what the teacher is asked, what of it stands in the row, what a judge is shown."""

    asked: list[dict[str, str]]
    said: list[Message]
    slots: JudgedPrompt


def _read_asked(worker: Worker, spec: RunSpec, told: DerivedSpec) -> list[_Asked]:
    """What the teacher is asked.

    Raises:
        WorkerError: it is not what was planned.
    """
    path = worker.run_paths(spec.run_id).asked
    try:
        data = read_plain(path)
    except OSError:
        data = b""
    if sha256(data).hexdigest() != told.sha256:
        raise WorkerError(
            f"{path}, the prompts of its rows, is not what was planned.",
            title="Changed data",
            hint="Remove the run and start it again.",
        )
    return [_parse_asked(json.loads(line)) for line in data.decode().split("\n") if line]


def _parse_asked(row: dict[str, Any]) -> _Asked:
    said = [Message.model_validate(turn) for turn in row["said"]]
    asked = row["asked"][-1]["content"]
    slots = JudgedPrompt(question=row.get("question", asked), prompt=asked, variant="")
    return _Asked(row["asked"], said, slots)
