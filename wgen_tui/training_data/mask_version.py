"""What a loss mask means has a version, which stands in the spec of each trained run.

Promises: the version rises when the same chat, template and tokenizer would be trained otherwise
than before, or when what was trained is now refused. It is no part of a run's id: what is trained
stays as it is, and runs of two versions in one comparison are told beside the results.

| version | what is trained |
|---|---|
| 1 | runs planned before versions were kept: an answer that begins in a token of its prompt is trained without that token |
| 2 | such rows are refused; answers in templates that rewrite earlier turns are trained |
| 3 | the token of an unknown word is no end token: an answer that has one is trained to its end, also where its template writes no end token, and one that ends in it ends untrained; rows that a template writes in other words are refused |
"""  # noqa: E501  a table

from __future__ import annotations

from collections.abc import Iterable

MASK_VERSION = 3
_SINCE = {
    2: "in version 1 an answer that began in a token of its prompt was trained without that token",
    3: "before version 3 an answer in a template without an end token was trained as far as its "
    "last unknown word, if its tokenizer has a token for such",
}
CHANGED = (
    "There are runs that an earlier wgen-tui planned, which trained such data without a word "
    "(masks of version {version}, now {now}); what is trained stays, and can be topped up."
)


def difference(versions: Iterable[int]) -> str:
    """What is trained otherwise by some of these versions than by others of them."""
    known = set(versions)
    said = [text for since, text in _SINCE.items() if min(known) < since <= max(known)]
    return "; ".join([*said, "all other rows are trained alike"])


def explain(version: int) -> str:
    """What to add to a refusal where runs were planned with an earlier version; else empty."""
    if version >= MASK_VERSION:
        return ""
    return CHANGED.format(version=version, now=MASK_VERSION)
