"""Which model a server says that it answers as, kept beside every verdict and never mixed.

Promises: verdicts that count as one judge's were given by one model; when the server names another
one than before, now or in an earlier launch, the launch ends and names both. Fingerprints, which
hosted servers change by the hour, are kept and counted, and end nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from wgen_tui.workers.endpoint.openai_response import Answer
from wgen_tui.workers.runtime import WorkerError

BETWEEN = " / "  # the model's name and the fingerprint, in the column


class OtherModel(WorkerError):
    """The server answers as another model than the one whose verdicts these are."""


def answered_as(answer: Answer) -> str | None:
    """The model and fingerprint that an answer names, as they are stored."""
    names = [name for name in (answer.model, answer.fingerprint) if name]
    return BETWEEN.join(names) or None


class AnsweredBy:
    """Who has answered for the judges of one launch.

    Attributes:
        fingerprints: How often each was named with the model, in this launch.
    """

    def __init__(self, asked_for: str) -> None:
        """Expect nothing yet; `asked_for` is the model's id in the requests."""
        self._asked_for = asked_for
        self._kept: dict[str, set[str]] = {}
        self._now: str | None = None
        self.fingerprints: Counter[str] = Counter()

    def expect(self, asker: str, kept: Iterable[str | None]) -> None:
        """Take who gave the replies that a judge has already."""
        models = {name.partition(BETWEEN)[0] for name in kept if name}
        self._kept.setdefault(asker, set()).update(models)

    def check(self, asker: str, judge: str, answer: Answer) -> None:
        """Take who gave an answer.

        Raises:
            OtherModel: it is not who answered before.
        """
        if not answer.model:
            return
        model = answer.model.partition(BETWEEN)[0]
        before = self._kept.get(asker)
        if before and model not in before:
            raise self._other(judge, model, " and ".join(sorted(before)), "Its verdicts so far are")
        if self._now is not None and model != self._now:
            raise self._other(judge, model, self._now, "The answers before this one were")
        self._now = model
        self.fingerprints[answered_as(answer) or ""] += 1

    def _other(self, judge: str, model: str, before: str, whose: str) -> OtherModel:
        return OtherModel(
            f"Judge {judge!r} asks for {self._asked_for}, and the server now answers as {model}. "
            f"{whose} by {before}. They are not mixed; the answer was thrown away.",
            title="Another model answers",
            hint="All verdicts are kept. If the server can still be asked for the former, name it "
            f"so (`model: ENDPOINT:{before}`); to be judged anew by the other, name that.",
        )
