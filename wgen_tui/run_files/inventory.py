"""The samples, readouts and grades that a run has on disk, and how many a stage still asks for.

Promises: plan and worker read them with this code alone; what stands in a damaged file counts as
missing, so it is made again (`store verify` names the file).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from sys import intern
from typing import Any

from experiments.schema import BROKEN_JUDGE, JudgeSpec
from wgen_tui.paths import RunPaths
from wgen_tui.plain_files import parse, read_plain
from wgen_tui.protocol.held_out import asked_rows
from wgen_tui.protocol.ids import make_reading_id, make_sample_id, rule_hash
from wgen_tui.protocol.launches import JudgeStage, PromptSpec, ReadoutSpec, SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.part_names import each_part


def read_columns(folder: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """These columns of every row in a folder's parts; of rows with one id the first."""
    seen = set()
    for part in each_part(folder, "part-*.parquet"):
        for row in read_part(part, names):
            if row[0] not in seen:
                seen.add(row[0])
                yield row


def read_part(part: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """These columns of a part's rows; a damaged one has none."""
    # pyarrow takes 0.1 s to import and is needed only where there are parts.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if not part.is_file():  # opening a FIFO would wait
            return
        table = pq.read_table(part, columns=list(names), page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        return
    yield from zip(*(table[name].to_pylist() for name in names), strict=True)


def read_ids(folder: Path, name: str) -> set[Any]:
    """The ids (column `name`) in a folder's parts."""
    return {key for (key,) in read_columns(folder, [name])}


def samples(run: RunPaths) -> dict[int, tuple[str, str]]:
    """The samples of a run: id -> question and variant."""
    pairs: dict[tuple[str, str], tuple[str, str]] = {}  # one for each, not one for each sample
    rows = read_columns(run.samples, ["sample_id", "question", "variant"])
    there = {}
    for sample_id, question, variant in rows:
        pair = (question, variant)
        there[sample_id] = pairs.setdefault(pair, pair)
    return there


def asked_draws(
    run_id: str, step: int, stage: SampleStage
) -> Iterator[tuple[int, PromptSpec, int]]:
    """The id, the prompt and the number of every draw that a stage asks of a checkpoint."""
    for prompt in stage.prompts:
        sampling = stage.sampling_of(prompt)
        for number in range(stage.draws(prompt)):
            sample_id = make_sample_id(run_id, step, prompt.prompt_id, number, sampling)
            yield sample_id, prompt, number


def asked_readings(run_id: str, step: int, stage: SampleStage) -> Iterator[tuple[int, ReadoutSpec]]:
    """Every reading, by id, that a stage asks of a checkpoint."""
    for readout in stage.readouts:
        yield make_reading_id(run_id, step, readout), readout


def missing_samples(run_id: str, run: RunPaths, steps: tuple[int, ...], stage: SampleStage) -> int:
    """How many draws a stage asks of a run that are not on disk."""
    done = read_ids(run.samples, "sample_id")
    if not done:  # spares a hash for each draw
        return len(steps) * sum(stage.draws(prompt) for prompt in stage.prompts)
    asked = (draw for step in steps for draw in asked_draws(run_id, step, stage))
    return sum(sample_id not in done for sample_id, _, _ in asked)


def missing_readings(run_id: str, run: RunPaths, steps: tuple[int, ...], stage: SampleStage) -> int:
    """How many readings a stage asks of a run that are not on disk."""
    if not stage.readouts:
        return 0
    done = read_ids(run.readouts, "reading_id")
    asked = (reading for step in steps for reading in asked_readings(run_id, step, stage))
    return sum(reading_id not in done for reading_id, _ in asked)


def missing_held_out(
    spec: RunSpec, run: RunPaths, steps: tuple[int, ...], stage: SampleStage
) -> int:
    """How many rows that are held out lack a checkpoint's loss on disk."""
    if not any(held_out.of(spec) for held_out in stage.held_out):
        return 0
    done = read_ids(run.held_out, "held_out_id")
    asked = (row for step in steps for row in asked_rows(spec, step, stage.held_out))
    return sum(held_out_id not in done for held_out_id, _, _ in asked)


def graded(run: RunPaths) -> set[tuple[int, str, str]]:
    """What rules have graded of a run: (sample id, judge, rubric)."""
    grades = set()
    for part in each_part(run.grades, "part-*.jsonl"):
        try:
            lines = read_plain(part).splitlines()
        except OSError:
            continue
        for line in lines:
            try:
                row = parse(line)
                # One string for each judge and wording, not one for each of a million lines.
                grades.add((row["sample_id"], intern(row["judge"]), intern(row["rubric"])))
            except (ValueError, KeyError, TypeError):
                continue
    return grades


def judges_of(question: str, variant: str, stage: JudgeStage) -> list[JudgeSpec]:
    """The rules for a question in a variant: all, unless it names its own; and its answer's."""
    names = stage.judges_by_question.get(question)
    rules = [judge for judge in stage.judges if names is None or judge.name in names]
    correct = stage.correct.get(question, {}).get(variant)
    return rules if correct is None else [*rules, correct]


def missing_grades(run: RunPaths, stage: JudgeStage) -> int:
    """How many grades a stage asks for that are not on disk, those of the broken rule included."""
    # The wording of the broken rule belongs to the worker, so a grade by any of them counts.
    done = {
        (sample, judge, "" if judge == BROKEN_JUDGE else rubric)
        for sample, judge, rubric in graded(run)
    }
    there = samples(run)
    wanted = {
        asked: [
            *((judge.name, rule_hash(judge)) for judge in judges_of(*asked, stage)),
            (BROKEN_JUDGE, ""),
        ]
        for asked in set(there.values())
    }
    return sum(
        (sample, judge, rubric) not in done
        for sample, asked in there.items()
        for judge, rubric in wanted[asked]
    )
