"""Which verdicts a panel asks of runs, and which of them they lack.

Promises: plan and workers read it with this code alone. A verdict counts as there when its grade is
on disk; one that failed doesn't, so the next launch asks it again. Refused samples, and those of
prompts that the panel doesn't name (an older definition's), are never judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest

from experiments.schema import ModelJudge
from wgen_tui.paths import Home, RunPaths
from wgen_tui.plain_files import parse, read_plain
from wgen_tui.protocol.ids import make_pilot_key, make_verdict_id
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.run_files.inventory import read_columns
from wgen_tui.run_files.part_names import each_part

REFUSED = "refused"  # the finish_reason of a draw that was not made
BY_MODEL = b'"grader":"model:'
# The beginning of a line by a model: within texts JSON escapes the quotes. `^` would be slower.
WRITTEN = re.compile(
    rb'\{"grade_id":(-?\d+),"sample_id":-?\d+,"run_id":"[^"\\]*",'
    rb'"judge":"(?:[^"\\]|\\.)*","grader":"model:'
)
JUDGED = ("sample_id", "question", "prompt_id", "finish_reason")


class PanelJudge:
    """A judge of a panel, with its hashes: made once, not for each of a million samples.

    Attributes:
        asked: The judge.
        asker: Names who is asked and how.
        rubric: Names the judge with its prompt and reading.
        greedy: Whether equal prompts have equal replies.
        questions: The questions whose samples it judges.
    """

    def __init__(self, asked: AskedJudge) -> None:
        self.asked = asked
        self.asker = asked.asker
        self.rubric = asked.rubric
        self.greedy = asked.greedy
        self.questions = frozenset(asked.questions)

    @property
    def judge(self) -> ModelJudge:
        return self.asked.judge


@dataclass(frozen=True, slots=True)
class AskedVerdict:
    """One verdict that a panel asks.

    Attributes:
        verdict_id: Names it, and its grade.
        sample_id: What is judged.
        prompt_id: What that answers.
        by: The judge.
        wording: Which of the judge's prompts.
        repeat: Which of its verdicts on it.
    """

    verdict_id: int
    sample_id: int
    prompt_id: str
    by: PanelJudge
    wording: int
    repeat: int

    @property
    def grader(self) -> str:
        """Whose grade it is."""
        return self.by.asked.grader(self.wording, self.repeat)


class AskedVerdicts:
    """What a panel asks of some runs.

    Attributes:
        judges: The panel's.
    """

    def __init__(self, home: Home, run_ids: Iterable[str], panel: Panel) -> None:
        """Take a panel; nothing is read yet.

        Args:
            home: Where the runs are.
            run_ids: All runs of the launch: a pilot is a pilot over all of them.
            panel: Who judges what.
        """
        self._home = home
        self._run_ids = tuple(run_ids)
        self._panel = panel
        self._named = None if panel.samples is None else set(panel.samples)
        self.judges = [PanelJudge(asked) for asked in panel.judges]

    def of_run(self, run_id: str) -> Iterator[AskedVerdict]:
        """Every verdict that is asked of a run, whether it is there or not."""
        for sample_id, question, prompt_id in self._samples(run_id):
            for by in self.judges:
                if question not in by.questions or not self._in_pilot(by, sample_id):
                    continue
                for wording in range(len(by.judge.wordings)):
                    for repeat in range(by.judge.repeat):
                        key = make_verdict_id(sample_id, by.judge.name, by.rubric, wording, repeat)
                        yield AskedVerdict(key, sample_id, prompt_id, by, wording, repeat)

    def missing(self, run_id: str) -> list[AskedVerdict]:
        """Those of a run that have no grade."""
        done = graded_by_models(self._home.run(run_id))
        return [verdict for verdict in self.of_run(run_id) if verdict.verdict_id not in done]

    def elsewhere(self, run_id: str) -> int:
        """Samples of a run that answer a judged question in a prompt that the panel doesn't name.

        Those of questions that none of its judges grades are no concern of it.
        """
        judged = {question for by in self.judges for question in by.questions}
        columns = ("sample_id", "question", "prompt_id")
        rows = read_columns(self._home.run(run_id).samples, columns)
        return sum(q in judged and prompt not in self._panel.prompts for _, q, prompt in rows)

    def _samples(self, run_id: str) -> Iterator[tuple[int, str, str]]:
        for sample_id, question, prompt_id, reason in read_columns(
            self._home.run(run_id).samples, JUDGED
        ):
            named = self._named is None or sample_id in self._named
            if named and reason != REFUSED and prompt_id in self._panel.prompts:
                yield sample_id, question, prompt_id

    def _in_pilot(self, by: PanelJudge, sample_id: int) -> bool:
        return self._pilot is None or sample_id in self._pilot[by.judge.name]

    @cached_property
    def _pilot(self) -> dict[str, set[int]] | None:
        """The samples of each judge; None where all are judged."""
        if self._panel.limit is None:
            return None
        every = [(s, question) for run in self._run_ids for s, question, _ in self._samples(run)]
        return {
            by.judge.name: set(
                nsmallest(
                    self._panel.limit,
                    (sample for sample, question in every if question in by.questions),
                    key=make_pilot_key,
                )
            )
            for by in self.judges
        }


def missing_verdicts(home: Home, run_ids: Iterable[str], panel: Panel) -> dict[str, int]:
    """How many verdicts of a panel each run lacks."""
    [counts] = missing_of_panels(home, run_ids, [panel])
    return counts


def missing_of_panels(
    home: Home, run_ids: Iterable[str], panels: Sequence[Panel]
) -> list[dict[str, int]]:
    """How many verdicts each run lacks of each panel; what a run has is read once for all."""
    run_ids = tuple(run_ids)
    every = [AskedVerdicts(home, run_ids, panel) for panel in panels]
    counts: list[dict[str, int]] = [{} for _ in panels]
    for run_id in run_ids:
        done = graded_by_models(home.run(run_id)) if panels else set()
        for asked, missing in zip(every, counts, strict=True):
            missing[run_id] = sum(
                verdict.verdict_id not in done for verdict in asked.of_run(run_id)
            )
    return counts


def graded_by_models(run: RunPaths) -> set[int]:
    """The ids of a run's grades by judges that are models; of the lines only these are read."""
    grades: set[int] = set()
    for part in each_part(run.grades, "part-*.jsonl"):
        try:
            lines = read_plain(part)
        except OSError:
            continue
        if BY_MODEL in lines:
            grades.update(_ids(lines))
    return grades


def _ids(lines: bytes) -> Iterator[int]:
    """Ids of the lines by models, as this program writes them; others are parsed."""
    end = 0
    for match in WRITTEN.finditer(lines):
        if BY_MODEL in lines[end : match.start()]:
            yield from _parsed(lines[end : match.start()])
        yield int(match[1])
        end = lines.find(b"\n", match.end()) + 1 or len(lines)
    yield from _parsed(lines[end:])


def _parsed(lines: bytes) -> Iterator[int]:
    for line in lines.splitlines():
        if BY_MODEL not in line:  # of a million grades by rules none is parsed
            continue
        try:
            row = parse(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("grade_id"), int):
            yield row["grade_id"]
