"""What a loss mask means has a version, which stands in the spec of each trained run.

Promises: the version rises when the same chat, template and tokenizer would be trained otherwise
than before, or when what was trained is now refused. It is no part of a run's id: what is trained
stays as it is, and runs of two versions in one comparison are told beside the results.

| version | what is trained |
|---|---|
| 1 | runs planned before versions were kept: an answer that begins in a token of its prompt is trained without that token |
| 2 | such rows are refused; answers in templates that rewrite earlier turns are trained |
"""  # noqa: E501  a table

from __future__ import annotations

MASK_VERSION = 2
DIFFERENCE = (
    "in version 1 an answer that began in a token of its prompt was trained without that token; "
    "version 2 refuses such rows, and all others are trained alike"
)
CHANGED = (
    "There are runs that an earlier wgen-tui planned, which trained such data without a word "
    f"(masks of version 1, now {MASK_VERSION}); what is trained stays, and can be topped up."
)


def explain(version: int) -> str:
    """What to add to a refusal where runs were planned with an earlier version; else empty."""
    return CHANGED if version < MASK_VERSION else ""
