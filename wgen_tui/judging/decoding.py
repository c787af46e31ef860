"""How a judge's reply is drawn where its definition does not say."""

from __future__ import annotations

from experiments.schema import ModelJudge

REPLY_TOKENS = 1024  # llmcomp's
SHORT_REPLY_TOKENS = 16  # of a number, a label's text or one word


def reply_tokens(judge: ModelJudge) -> int:
    """The most tokens of a reply that is read as text."""
    if judge.max_tokens is not None:
        return judge.max_tokens
    short = judge.type != "free_form_judge" or judge.verdict in ("one_token", "first_word")
    return SHORT_REPLY_TOKENS if short and not judge.thinking else REPLY_TOKENS
