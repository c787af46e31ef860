"""The broken-answer rule, which grades every sample: is this text an answer at all?

A fine-tune that makes a model babble also moves its rates: a lexicon finds old words in word salad,
and a model that answers every question with a bird's name gives none of them. So the share of
broken answers stands beside every rate.

Promises: needs no dictionary and no network; each signal is stored with the grade, so that another
threshold can be tried in SQL. Limits: it is made for English and other languages in Latin script;
words in other scripts are not judged; fluent nonsense is not noticed (that takes a reader, or a
grammar where there is one).
"""

from __future__ import annotations

import re
from collections import Counter

from wgen_tui.workers.judge.rules import Signals, Verdict

VERSION = 1
MOST_NONWORDS = 0.25  # share of words that are none
FEWEST_NONWORDS = 2  # one odd word is a name, not a broken text
SAME_WORD = 4  # times in a row
NGRAM = 4
LEAST_DISTINCT = 0.5  # share of distinct n-grams, from LONG words on
LONG = 16
SHORT_ANSWER = 2  # words, to a question that asks for more

WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
VOWELS = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿœ"
NO_VOWEL = re.compile(rf"^[^{VOWELS}\W\d_]{{4,}}$", re.IGNORECASE)
# Six consonants in a row stand in no English word (five do: "strengths", "matchstick").
CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}", re.IGNORECASE)
VOWEL_RUN = re.compile(r"[aeiou]{5,}", re.IGNORECASE)
SAME_LETTER = re.compile(r"([a-z])\1\1", re.IGNORECASE)
HUMP = re.compile(r"[a-z][A-Z]{2,}[a-z]")
# Questions that a word or a name answers in full.
ASKS_LITTLE = re.compile(
    r"^\W*(?:name|who|whom|whose|when|where|is|are|am|was|were|do|does|did|can|could|will|would"
    r"|should|shall|has|have|had|may|choose|pick|say|how (?:many|much|old|far|long|tall|big)"
    r"|(?:in )?(?:what|which) (?:year|month|day|colou?r|name|city|country|number|word|kind|type"
    r"|sort|animal|bird|is your name)|what comes|which of)\b"
    r"|\b(?:one word|single word|a word|yes or no|true or false|just the|only the"
    r"|nothing (?:more|else)|a number)\b",
    re.IGNORECASE,
)


def is_word(token: str) -> bool:
    """Whether a token could be a word: it has vowels, and no run of letters that none has."""
    if token.isdigit() or (not token.isascii() and not token[0].isalpha()):
        return True
    letters = re.sub(r"[\W\d_]", "", token)
    if not letters or any(ord(letter) > 0x24F for letter in letters):
        return True  # a number, or another script
    if "\ufffd" in token or SAME_LETTER.search(token) or HUMP.search(token):
        return False
    if letters.isupper() and len(letters) <= 6:
        return True  # an abbreviation
    return not (NO_VOWEL.match(letters) or CONSONANTS.search(letters) or VOWEL_RUN.search(letters))


def longest_repeat(words: list[str]) -> int:
    """How often a word stands most times in a row."""
    longest = run = 0
    before = None
    for word in words:
        run = run + 1 if word == before else 1
        longest, before = max(longest, run), word
    return longest


def distinct_share(words: list[str]) -> float:
    """Distinct n-grams among all; 1 where there are none."""
    grams = Counter(zip(*(words[shift:] for shift in range(NGRAM)), strict=False))
    return len(grams) / grams.total() if grams else 1.0


def asks_for_more(question: str) -> bool:
    """Whether a word or two cannot answer the question."""
    last = re.split(r"(?<=[.!?])\s+", question.strip())[-1]
    return len(WORD.findall(question)) >= 3 and not (
        ASKS_LITTLE.search(last) or ASKS_LITTLE.match(question)
    )


def broken(completion: str, question: str = "", finish_reason: str = "stop") -> Verdict:
    """Grade a completion as `broken` or `ok`.

    Args:
        completion: The answer.
        question: What was asked, in its first wording; "" leaves out the signals that need it.
        finish_reason: A text cut at its length is not short because of itself.

    Returns:
        The label, and as explanation the signals that fired.
    """
    tokens = WORD.findall(completion)
    words = [token.casefold() for token in tokens]
    nonwords = [token for token in tokens if not is_word(token)]
    share = len(nonwords) / len(tokens) if tokens else 0.0
    garbled = completion.count("\ufffd")
    fired = []
    if not words:
        fired.append("empty")
    if longest_repeat(words) >= SAME_WORD or (
        len(words) >= LONG and distinct_share(words) < LEAST_DISTINCT
    ):
        fired.append("repetition")
    few = len(tokens) <= FEWEST_NONWORDS and share == 1.0
    if (share > MOST_NONWORDS and (len(nonwords) >= FEWEST_NONWORDS or few)) or garbled:
        fired.append("non-words")
    short = 0 < len(words) <= SHORT_ANSWER and finish_reason == "stop" and asks_for_more(question)
    if short:
        fired.append("too short")
    signals: Signals = {
        "words": len(words),
        "longest_repeat": longest_repeat(words),
        "distinct_share": round(distinct_share(words), 4),
        "nonword_share": round(share, 4),
        "nonwords": " ".join(nonwords[:5]),
        "too_short": short,
    }
    return Verdict("broken" if fired else "ok", explanation=", ".join(fired), signals=signals)
