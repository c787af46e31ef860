"""What judges replied, asked once and kept: the one writer of verdicts, whoever judges.

Promises: a reply that is on disk is read, not asked for again: by equal prompts of a greedy judge,
by the same sample, wording and repeat of a sampled one, in any run of the experiment, under any
reading (so a changed parser asks nobody). A verdict reaches the disk before its grade, so that a
grade always has its transcript; what a kill leaves in between is made good by the next start.
Ids follow from sample and judge: nothing is doubled. Of replies on disk only their places are held,
so memory does not grow with what was said. Imports no torch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wgen_tui.judging.prompt import Rendered, render
from wgen_tui.judging.rating import LIKELIER_THAN_NOT
from wgen_tui.paths import Home
from wgen_tui.protocol.ids import make_failed_id
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.run_files import parts
from wgen_tui.run_files.inventory import read_columns, read_ids
from wgen_tui.run_files.reply_index import Kept, Key, ReplyIndex, reply_key
from wgen_tui.run_files.run_folders import read_spec, run_names
from wgen_tui.run_files.verdict_record import Reply, VerdictRecord, read_verdict
from wgen_tui.run_files.verdicts import AskedVerdict, AskedVerdicts, graded_by_models

PART_ROWS = 2_000  # most verdicts in a part
PART_SECONDS = 3.0  # between two parts


@dataclass(eq=False, slots=True)
class Asking:
    """A rendered prompt that nobody has answered, with the verdicts that wait for its reply.

    Attributes:
        asked: The judge.
        prompt: What it is shown.
        verdicts: Whose reply it is; the first names the seed of a sampled one.
    """

    asked: AskedJudge
    prompt: Rendered
    verdicts: list[AskedVerdict] = field(default_factory=list)


class VerdictWriter:
    """Gives one launch what its judges are to be asked, run by run, and writes what they say.

    Attributes:
        total: Verdicts that are asked of the present run.
        done: How many of them are on disk or about to be.
        failed: How many could not be had.
        cached: How many of them were read from replies that were there.
        elsewhere: Samples of the present run whose prompts the panel doesn't name.
        causes: Why verdicts of the present run say nothing.
    """

    def __init__(
        self, home: Home, experiment: str, launch_id: str, run_ids: tuple[str, ...], panel: Panel
    ) -> None:
        """Take the replies that the experiment's runs have.

        Args:
            home: Where they are.
            experiment: Whose replies may be read again.
            launch_id: Names the parts that are written.
            run_ids: All runs of the launch.
            panel: Who judges what.
        """
        self.total = self.done = self.failed = self.cached = self.elsewhere = 0
        self.causes: Counter[str] = Counter()
        self._home = home
        self._launch_id = launch_id
        self._panel = panel
        self._asked = AskedVerdicts(home, run_ids, panel)
        self._index = ReplyIndex({by.asker: by.greedy for by in self._asked.judges})
        for run_id in self._runs_of(experiment, run_ids):
            self._index.add(home.run(run_id).verdicts)
        self._written: set[int] = set()  # verdicts of the present run on disk
        self._run_id = ""
        self._rows: list[Mapping[str, Any]] = []
        self._grades: list[GradeRow] = []
        self._flushed_at = time.monotonic()

    def begin(self, run_id: str) -> list[Asking]:
        """Take a run: what its judges are to be asked.

        Replies that are there already are read; what they say is written by the next flush.
        """
        self.flush()
        self._run_id = run_id
        self.causes.clear()
        run = self._home.run(run_id)
        self._written = read_ids(run.verdicts, "verdict_id")
        graded = graded_by_models(run)
        self.total = self.cached = self.failed = 0
        missing = []
        for verdict in self._asked.of_run(run_id):
            self.total += 1
            if verdict.verdict_id not in graded:
                missing.append(verdict)
        self.done = self.total - len(missing)
        self.elsewhere = self._asked.elsewhere(run_id)
        wanted = {verdict.sample_id for verdict in missing}
        answers = {
            sample_id: completion or ""
            for sample_id, completion in read_columns(run.samples, ("sample_id", "completion"))
            if sample_id in wanted
        }
        askings: dict[Key, Asking] = {}
        for verdict, prompt in self._without_reply(missing, answers):
            words = tuple(verdict.by.judge.word_labels)  # of a rating, which are asked with it
            key = (*_key(verdict, prompt), *words)
            askings.setdefault(key, Asking(verdict.by.asked, prompt)).verdicts.append(verdict)
        return list(askings.values())

    def _without_reply(
        self, missing: Iterable[AskedVerdict], answers: Mapping[int, str]
    ) -> Iterator[tuple[AskedVerdict, Rendered]]:
        """Give verdicts the replies that are on disk; those that have none come back.

        Prompts are rendered twice where there is a reply, so that none waits for its part to be
        read.
        """
        there: list[tuple[AskedVerdict, tuple[int, ...]]] = []
        for verdict in missing:
            prompt = self._render(verdict, answers)
            places = self._index.places(_key(verdict, prompt))
            if places:
                there.append((verdict, places))
            else:
                yield verdict, prompt
        while there:
            waiting: dict[int, list[tuple[AskedVerdict, tuple[int, ...]]]] = {}
            for verdict, places in there:
                waiting.setdefault(places[0], []).append((verdict, places[1:]))
            for place, key, reply in self._index.read(waiting):
                not_his = []
                for verdict, others in waiting[place]:
                    prompt = self._render(verdict, answers)
                    if key == _key(verdict, prompt) and _covers(reply, verdict.by.asked):
                        self.cached += 1
                        self._add(verdict, prompt, reply, cached=True)
                    else:
                        not_his.append((verdict, others))
                waiting[place] = not_his
            left = [item for each in waiting.values() for item in each]
            for verdict, others in left:
                if not others:
                    yield verdict, self._render(verdict, answers)
            there = [item for item in left if item[1]]

    def _render(self, verdict: AskedVerdict, answers: Mapping[int, str]) -> Rendered:
        slots = self._panel.prompts[verdict.prompt_id]
        return render(verdict.by.judge, verdict.wording, slots, answers.get(verdict.sample_id, ""))

    def record(self, asking: Asking, reply: Reply) -> None:
        """Take the reply to one of the present run's prompts; now and then it is written."""
        for place, verdict in enumerate(asking.verdicts):
            self._add(verdict, asking.prompt, reply, cached=place > 0)
        self.flush_in_time()

    def kept(self, asker: str) -> Kept:
        """What is known of the replies of who is asked so."""
        return self._index.kept(asker)

    def flush_in_time(self) -> None:
        """Write what was recorded, unless the last flush was a moment ago."""
        if time.monotonic() - self._flushed_at > PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was recorded since the last flush: verdicts, then their grades."""
        run = self._home.run(self._run_id) if self._run_id else None
        if run is not None and self._rows:
            part = parts.write_verdicts(run.verdicts, self._launch_id, self._rows)
            self._index.add_part(part)
            self._rows = []
        if run is not None and self._grades:
            parts.write_grades(run.grades, self._launch_id, self._grades)
            self._grades = []
        self._flushed_at = time.monotonic()

    def _runs_of(self, experiment: str, run_ids: tuple[str, ...]) -> Iterator[str]:
        """The launch's runs and, where others of the experiment have verdicts, those."""
        yield from run_ids
        for name in run_names(self._home):
            if name in run_ids or not self._home.run(name).verdicts.is_dir():
                continue
            spec = read_spec(self._home, name)
            if spec is not None and spec.experiment == experiment:
                yield name

    def _add(self, verdict: AskedVerdict, prompt: Rendered, reply: Reply, *, cached: bool) -> None:
        verdict_id = verdict.verdict_id
        if reply.failed is None:
            self.done += 1
        else:
            self.failed += 1
            verdict_id = make_failed_id(verdict_id, self._launch_id)
        record = VerdictRecord(
            verdict_id, verdict, prompt, reply, self._run_id, self._launch_id, cached
        )
        said = read_verdict(verdict.by.asked, reply)
        self.causes.update([said.cause] if said.cause else ())
        if verdict_id not in self._written:
            self._written.add(verdict_id)
            self._rows.append(record.row(said))
        self._grades.append(record.grade(said))
        if len(self._grades) >= PART_ROWS:
            self.flush()


def _key(verdict: AskedVerdict, prompt: Rendered) -> Key:
    """What replies are known by."""
    by = verdict.by
    return reply_key(
        by.asker,
        prompt.prompt_key,
        verdict.sample_id,
        verdict.wording,
        verdict.repeat,
        greedy=by.greedy,
    )


def _covers(reply: Reply, asked: AskedJudge) -> bool:
    """Whether a reply has all that is read of it: words may have come to a rating's since."""
    read = reply.probabilities
    if read is None or asked.model.endpoint is not None:
        return True
    # Where numbers are likelier than not, no word was run.
    return (reply.mass or 0) > LIKELIER_THAN_NOT or set(asked.judge.word_labels) <= set(read)
