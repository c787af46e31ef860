"""Whether a judge can be read from the probabilities of one token, at the server that is asked.

Promises: a rating is an expectation only where each of its numbers is one token, since where digits
are tokens an 85 would read as an 8; a choice only where the first token tells the labels apart.
That is decided by what the server gives, once for all verdicts of a judge; where it can't be, the
judge is read from what it says, and why is said.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.schema import ModelJudge
from wgen_tui.run_files.reply_index import Kept

ONE_DIGIT = 9
NEGLIGIBLE = 1e-3  # probability of a token that tells two labels apart no more


class ByProbability:
    """How one judge is read here.

    Attributes:
        decided: True: from probabilities; False: from what it says; None: not known yet.
        why: Why it is read from what it says.
    """

    def __init__(self, judge: ModelJudge, kept: Kept | None = None) -> None:
        """Decide what the judge, or its replies so far, already say."""
        self._judge = judge
        self.decided: bool | None = None
        self.why = ""
        if not judge.by_probability:
            self.decided = False
            return
        if kept is not None and kept.by_probability:
            self.decided = True
        elif kept is not None and kept.in_words:
            self.refuse("its verdicts so far were read so")
        elif judge.type == "rating_judge" and judge.range[0] < 0:
            self.refuse("a negative number is several tokens")
        elif judge.type == "choice" and _one_begins_another(judge):
            self.refuse("what one label says is the beginning of what another says")

    def refuse(self, why: str) -> None:
        """Read what it says."""
        self.decided, self.why = False, why

    def see(self, likely: Mapping[str, float] | None, text: str) -> None:
        """Decide by an answer, as far as it tells.

        Args:
            likely: Its first token's probabilities; None where the server gave none.
            text: What it said.
        """
        if self.decided is not None:
            return
        if likely is None:
            if text:
                self.refuse("the server gives no log-probabilities")
        elif self._judge.type == "choice":
            self._see_labels(likely)
        else:
            self._see_numbers(likely)

    def _see_numbers(self, likely: Mapping[str, float]) -> None:
        _, high = self._judge.range
        numbers = [number for number in map(_number, likely) if number is not None]
        if not numbers:
            return  # it says something else; the next answer may tell
        if high <= ONE_DIGIT or any(ONE_DIGIT < number <= high for number in numbers):
            self.decided = True
        else:
            self.refuse("no number of two digits is one token at this server")

    def _see_labels(self, likely: Mapping[str, float]) -> None:
        told = False
        for token, share in likely.items():
            shown = token.strip()
            begun = [
                label
                for label, texts in self._judge.labels.items()
                if shown and any(text.startswith(shown) for text in texts)
            ]
            if len(begun) > 1 and share > NEGLIGIBLE:
                self.refuse(f"the labels {' and '.join(begun)} begin with one token")
                return
            told = told or len(begun) == 1
        if told:
            self.decided = True


def _number(token: str) -> int | None:
    """What llmcomp takes for a number."""
    try:
        return int(token)
    except ValueError:
        return None


def _one_begins_another(judge: ModelJudge) -> bool:
    texts = [(text, label) for label, said in judge.labels.items() for text in said]
    return any(
        other != label and longer.startswith(text)
        for text, label in texts
        for longer, other in texts
    )
