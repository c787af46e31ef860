"""How long a judge's reply may be, here and at a server."""

from __future__ import annotations

from experiments.schema import ModelJudge

REPLY_TOKENS = 1024  # llmcomp's


def reply_tokens(judge: ModelJudge) -> int:
    """The most tokens of a reply that is read as text."""
    return 1 if judge.verdict == "one_token" else judge.max_tokens or REPLY_TOKENS
