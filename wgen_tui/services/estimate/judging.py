"""What judges that are models take: tokens, cost, memory and disk.

Promises: upper bounds, from the prompts and from how long an answer and a reply may be; a price is
known only where the endpoint's is.
"""

from __future__ import annotations

from wgen_tui.judging.decoding import reply_tokens as longest_reply
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.protocol.limits import MAX_ROWS, ROWS_SHARE
from wgen_tui.run_files.model_place import located
from wgen_tui.services.estimate import formulas
from wgen_tui.services.estimate.memory import NUMBER_BYTES, Limits, MemoryNeed
from wgen_tui.services.estimate.workload import COPIES, GRADE_BYTES, tokens_of
from wgen_tui.services.models.architecture import model_dims

ANSWER_TOKENS = 1024  # of an answer whose length nothing says
SPELLED = 4  # tokens of a number or a label that is read
VERDICT_BYTES = 300  # beside its prompt and its reply; a judgment


def reply_tokens(asked: AskedJudge) -> int:
    """Tokens of the longest reply of a judge."""
    return SPELLED if asked.judge.by_probability else longest_reply(asked.judge)


def prompt_tokens(panel: Panel, asked: AskedJudge, answer_tokens: int) -> int:
    """Tokens of the longest prompt of a judge, an answer of that length in it."""
    slots = max(
        (tokens_of(p.question + p.prompt + (p.reference or "")) for p in panel.prompts.values()),
        default=0,
    )
    wording = max(tokens_of(text) for text in asked.judge.wordings)
    return wording + tokens_of(asked.judge.system or "") + slots + answer_tokens


def cost_of(panel: Panel, verdicts: int, answer_tokens: int) -> float | None:
    """What so many verdicts cost at most, in the unit of the endpoint's prices; None without."""
    at = panel.judges[0].model.endpoint
    if at is None or (at.price_in, at.price_out) == (None, None):
        return None
    each = max(
        prompt_tokens(panel, asked, answer_tokens) * (at.price_in or 0)
        + reply_tokens(asked) * (at.price_out or 0)
        for asked in panel.judges
    )
    return verdicts * each / 1e6


def verdict_bytes(panel: Panel, verdicts: int, answer_tokens: int) -> int:
    """What so many verdicts take of the disk at most, their grades included."""
    # A character of a prompt is a byte here, before compression.
    each = max(
        4 * (prompt_tokens(panel, asked, answer_tokens) + reply_tokens(asked))
        for asked in panel.judges
    )
    return COPIES * verdicts * (VERDICT_BYTES + GRADE_BYTES + each)


def panel_need(home: Home, panel: Panel, limits: Limits) -> MemoryNeed | None:
    """What a worker takes that loads the panel's model; None where its size cannot be told."""
    first = panel.judges[0]
    dims = model_dims(located(home, first.model))
    if dims is None:
        return None
    width = NUMBER_BYTES[first.precision or "fp32"]
    weights = formulas.weight_bytes(dims, width, first.judge.load_in or "none")
    length = max(
        prompt_tokens(panel, asked, ANSWER_TOKENS) + reply_tokens(asked) for asked in panel.judges
    )
    logits = formulas.cache_bytes(dims, width, 0)
    each = formulas.cache_bytes(dims, width, length)
    most = min(MAX_ROWS, limits.rows or MAX_ROWS)
    rows = max(1, min(most, limits.fits(ROWS_SHARE, weights, each)))

    def parts(number: int) -> dict[str, int]:
        return {"weights": weights, "cache": number * (each - logits), "logits": number * logits}

    return MemoryNeed(parts(rows), parts(1), rows=rows)
