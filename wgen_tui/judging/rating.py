"""What a judge would have said, read from probabilities.

Promises: a rating is the expectation over the numbers of the range, renormalised over them; where
the probability that is on no number reaches the refusal threshold there is none. That is the rule
of llmcomp 1.6.0: whatever Python's `int` reads as a number is one (white space, a sign, full-width
digits). It may be the label of a word instead, where that is more likely than all else together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from experiments.schema import ModelJudge
from wgen_tui.judging.reply import Verdict

REFUSAL_THRESHOLD = 0.75  # llmcomp's
LIKELIER_THAN_NOT = 0.5
LISTED = 5  # of the likeliest, in what is shown


def rating_of(
    probabilities: Mapping[str, float], low: int, high: int
) -> tuple[float | None, float]:
    """The expectation over the numbers from low to high, and the probability on all of them."""
    shares: dict[int, float] = {}
    for text, probability in probabilities.items():
        try:
            number = int(text)
        except ValueError:
            continue
        if low <= number <= high:
            shares[number] = shares.get(number, 0.0) + probability
    total = sum(shares.values())
    if total == 0:
        return None, 0.0
    return sum(number * share for number, share in shares.items()) / total, total


def read_probabilities(
    judge: ModelJudge, probabilities: Mapping[str, float], mass: float | None = None
) -> Verdict:
    """Read the probabilities of what a judge may say next.

    Args:
        judge: A rating or choice judge.
        probabilities: The model's own, of tokens or of whole texts: not renormalised.
        mass: On what counts: a rating's numbers, a choice's labels. None: their sum.
    """
    if judge.type == "choice":
        return _choice(judge, probabilities, mass)
    number, total = rating_of(probabilities, *judge.range)
    total = total if mass is None else mass
    if number is not None and not _refused(judge.refusal_threshold, REFUSAL_THRESHOLD, total):
        return Verdict(number=number, explanation=_listed(probabilities))
    words = shares_of({label: (word,) for word, label in judge.word_labels.items()}, probabilities)
    best = max(words, key=lambda label: words[label], default=None)
    if best is not None and words[best] > LIKELIER_THAN_NOT:
        return Verdict(label=best, explanation=_listed(probabilities))
    return Verdict(cause="refused", explanation=_listed(probabilities))


def shares_of(
    texts: Mapping[str, Iterable[str]], probabilities: Mapping[str, float]
) -> dict[str, float]:
    """The probability of each label by what it says, or by a token that begins only that.

    Args:
        texts: What each label says.
        probabilities: Of tokens or of whole texts.
    """
    said = {label: tuple(given) for label, given in texts.items()}
    shares = dict.fromkeys(said, 0.0)
    for token, probability in probabilities.items():
        shown = token.strip()
        exact = [label for label, given in said.items() if shown in given or token in given]
        begun = [
            label for label, given in said.items() if any(text.startswith(shown) for text in given)
        ]
        labels = exact or begun
        if shown and len(labels) == 1:
            shares[labels[0]] += probability
    return shares


def _choice(judge: ModelJudge, probabilities: Mapping[str, float], mass: float | None) -> Verdict:
    if set(probabilities) <= set(judge.labels):  # of whole labels already
        shares = {label: probabilities.get(label, 0.0) for label in judge.labels}
    else:
        shares = shares_of(judge.labels, probabilities)
    total = sum(shares.values()) if mass is None else mass
    shown = _listed(probabilities)
    best = max(shares, key=lambda label: shares[label], default=None)
    if best is None or shares[best] == 0 or _refused(judge.refusal_threshold, None, total):
        return Verdict(cause="refused", explanation=shown)
    if sum(share == shares[best] for share in shares.values()) > 1:
        return Verdict(cause="unparsed", explanation=shown)
    return Verdict(label=best, explanation=shown)


def _refused(threshold: float | None, otherwise: float | None, mass: float) -> bool:
    limit = otherwise if threshold is None else threshold
    return limit is not None and mass <= 1 - limit  # 1: only where nothing is on any


def _listed(probabilities: Mapping[str, float]) -> str:
    likeliest = sorted(probabilities.items(), key=lambda item: -item[1])[:LISTED]
    return ", ".join(f"{text.strip() or text!r} {share:.3g}" for text, share in likeliest)
