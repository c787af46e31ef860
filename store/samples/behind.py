"""The samples behind one number of a measure, as a query.

Promises: its rows are the samples that were counted, each once: n of them, or the hits; the same
condition chooses them for the query that people see and for the list of samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from store.measured import COUNTED, Asked, judged_samples, text

Part = Literal["counted", "hits", "unclear", "broken"]


@dataclass(frozen=True, slots=True)
class Behind:
    """A number of a measure: of these seeds, questions and variants; empty means all.

    Attributes:
        measure: Its name, for people.
        at: Its arms, each at a step.
        part: All that count, or of these the hits, the unclear or the broken ones.
        last: Only the last step of each run.
        without: Questions, or `question · variant`, that do not count here.
    """

    experiment: str
    asked: Asked
    measure: str
    model: str
    at: tuple[tuple[str, int], ...]
    part: Part = "counted"
    seeds: tuple[int, ...] = ()
    questions: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    last: bool = True

    @property
    def words(self) -> str:
        """Which of the samples these are."""
        return f"{'counted for' if self.part == 'counted' else f'{self.part} of'} {self.measure}"

    def ids(self, runs: Sequence[str] = ()) -> str:
        """A query for their sample_ids alone; of these runs, if any are given."""
        return f"{self._judged(runs)}select j.sample_id\nfrom judged j\n{self._where()}"

    def query(self) -> str:
        """A query for people: a row for each sample, with its text."""
        of = " ".join(f"{self.words}: {', '.join(dict(self.at))}".split())  # on one line
        return (
            f"-- {of}\n{self._judged()}"
            "select j.sample_id, j.arm, j.seed, j.step, j.question, j.variant, j.label, j.hit,\n"
            "       s.completion\n"
            "from judged j join samples s using (sample_id)\n"
            f"{self._where()}\norder by j.arm, j.seed, j.step, j.question, j.variant, j.sample_id"
        )

    def _judged(self, runs: Sequence[str] = ()) -> str:
        of = " and ".join([f"experiment = {text(self.experiment)}", *self._of_runs()])
        if runs:
            of += f" and run_id in ({', '.join(map(text, runs))})"
        within = f"run_id in (select run_id from samples where {of})"
        return f"with judged as (\n{judged_samples(self.asked, within)}\n)\n"

    def _of_runs(self) -> Iterator[str]:
        arms = ", ".join(dict.fromkeys(text(arm) for arm, _ in self.at))
        yield f"model = {text(self.model)} and arm in ({arms})"
        if self.seeds:
            yield f"seed in ({', '.join(str(int(seed)) for seed in self.seeds)})"

    def _where(self) -> str:
        parts = [f"j.fate = '{COUNTED}'"]
        if self.part == "unclear":
            parts.append(f"j.label = {text(self.asked.unclear)}")
        elif self.part != "counted":
            parts.append("j.hit" if self.part == "hits" else "j.broken")
        at = ", ".join(f"({text(arm)}, {int(step)})" for arm, step in self.at)
        parts.append(f"(j.arm, j.step) in ({at})")
        for column, values in (("question", self.questions), ("variant", self.variants)):
            if values:
                parts.append(f"j.{column} in ({', '.join(map(text, values))})")
        if self.without:
            left = ", ".join(map(text, self.without))
            parts.append(f"j.question not in ({left})")
            parts.append(f"j.question || ' · ' || j.variant not in ({left})")
        if self.last:
            parts.append(
                "(j.run_id, j.step) in (select (run_id, max(step)) from judged group by run_id)"
            )
        return "where " + "\n  and ".join(parts)
