"""What the engine draws is what stock PEFT and `generate` would draw.

Measured on the base and eight adapters of mixed ranks: the likeliest tokens beside `generate`'s;
the log-probabilities of drawn tokens beside the stock model's; draws in one stack beside draws of
each adapter by itself, and of the bare base; and the frequencies of some thousand first tokens
beside the distribution that `generate` draws from, by a G-test. Seeds are fixed, so a test that
passes on a machine always does.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from scipy.stats import power_divergence
from transformers import TopPLogitsWarper

from experiments.schema import SamplingConfig
from tests.gpu.homes import exact
from tests.gpu.rivals import SLOTS, Draws, Rivals
from tests.gpu.session import Session
from wgen_tui.workers.sample.engine.decode import Request
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT

PART = "sampling"
CLOSE = 1e-3  # nats: fp32
CLOSE_BF16 = 0.1  # nats, in the mean
SAME_DRAWS = 0.99  # rounding decides a race in one of some thousand draws
P_VALUE = 1e-4
BINS = 50  # of equal probability, as far as one token does not fill several


def greedy(session: Session, rivals: Rivals) -> None:
    """The likeliest tokens; where another was within rounding, either will do."""
    tokens = session.sizes.draw_tokens
    queues = [rivals.requests(slot, 1) for slot in SLOTS]
    sampling = SamplingConfig(n=1, temperature=0, max_tokens=tokens)
    ours = rivals.draw(queues, sampling)
    same = ties = 0
    for slot, queue in zip(SLOTS, queues, strict=True):
        theirs = rivals.generate(slot, tokens)
        for request, expected in zip(queue, theirs, strict=True):
            drawn = ours[request].tokens
            if drawn == expected:
                same += 1
                continue
            first = next(n for n, token in enumerate(drawn) if token != expected[n])
            (logs,) = rivals.log_probs(slot, [(request.prompt, drawn)])
            best, second = logs[first].topk(2).values
            ties += bool(best - second < CLOSE)
    count = len(ours)
    session.report.check(
        PART,
        "fp32: greedy answers of base + 8 adapters = PEFT and generate",
        ok=same + ties == count,
        value=f"{same} of {count}",
        beside="all",
        note=f"{ties} where two tokens are equally likely" if ties else "",
    )


def apart(rivals: Rivals, draws: Draws, *, together: bool = True) -> torch.Tensor:
    """How far the draws' log-probabilities are from the stock model's, of every token."""
    gaps = []
    for slot in SLOTS:
        own = [one for one in draws.values() if one.request.slot == slot]
        rows = [(one.request.prompt, one.tokens) for one in own]
        groups = [rows] if together else [[row] for row in rows]
        logs = [log for group in groups for log in rivals.log_probs(slot, group)]
        for one, log in zip(own, logs, strict=True):
            chosen = log[torch.arange(len(one.tokens)), torch.tensor(one.tokens)]
            gaps.append((torch.tensor(one.logprobs, dtype=torch.float64) - chosen).abs())
    return torch.cat(gaps)


def drawn(session: Session, rivals: Rivals) -> None:
    """Draws at temperature 1, all in one stack, beside the stock model and beside each alone."""
    count = 8 if session.on_gpu else 2  # all rows in one batch
    sampling = SamplingConfig(n=count, max_tokens=session.sizes.draw_tokens, logprobs=True)
    queues = [rivals.requests(slot, count) for slot in SLOTS]
    stacked = rivals.draw(queues, sampling)
    ways = ", ".join(sorted(rivals.ways))
    gaps = apart(rivals, stacked)
    session.report.check(
        PART,
        "fp32: log-probabilities of drawn tokens = the stock model's",
        ok=float(gaps.max()) <= CLOSE and f"stacked {len(SLOTS)}" in ways,
        value=f"{gaps.max():.2g} nats apart at most",
        beside=f"at most {CLOSE:g}; {gaps.mean():.2g} in the mean of {len(gaps)}",
        note=f"batches: {ways}",
    )
    base, *adapters = queues
    compare(
        session, "base rows of a stack = the bare base", stacked, rivals.draw_bare(base, sampling)
    )
    alone: Draws = {}
    for queue in adapters:
        alone |= rivals.draw([queue], sampling)
    compare(session, "8 adapters in a stack = each alone", stacked, alone)


def compare(session: Session, what: str, stacked: Draws, alone: Draws) -> None:
    """Whether the same seeds have drawn the same tokens; of those, how far their logs are apart."""
    same = [request for request in alone if stacked[request].tokens == alone[request].tokens]
    gap = max(
        (abs(a - b) for request in same for a, b in zip_logs(stacked, alone, request)), default=0.0
    )
    session.report.check(
        PART,
        f"fp32: {what}",
        ok=len(same) >= SAME_DRAWS * len(alone) and gap <= CLOSE,
        value=f"{len(same)} of {len(alone)} draws, {gap:.2g} nats apart at most",
        beside=f"at least {SAME_DRAWS:.0%}, at most {CLOSE:g}",
    )


def zip_logs(ones: Draws, others: Draws, request: Request) -> Iterable[tuple[float, float]]:
    return zip(ones[request].logprobs, others[request].logprobs, strict=True)


def frequencies(session: Session, rivals: Rivals, name: str, slot: int, top_p: float) -> None:
    """First tokens of many draws beside what `generate` draws from."""
    count = 8000 if session.on_gpu else 2000
    prompt = rivals.prompts[0]
    queue = [Request(number, prompt, seed=number, slot=slot) for number in range(count)]
    sampling = SamplingConfig(n=1, temperature=1, top_p=top_p, max_tokens=1)
    draws = rivals.draw([queue], sampling)
    tokens = np.array([one.tokens[0] for one in draws.values()])
    (logs,) = rivals.log_probs(slot, [(prompt, [0])])
    if top_p < 1:
        logs = TopPLogitsWarper(top_p)(None, logs)
    probabilities = logs.softmax(-1)[0].numpy()  # [vocabulary]
    found, expected = binned(tokens, probabilities)
    outside = int((probabilities[tokens] == 0).sum())
    p_value = float(power_divergence(found, expected, lambda_="log-likelihood").pvalue)
    session.report.check(
        PART,
        f"{name}, top_p {top_p:g}: first tokens of {count} draws = generate's distribution",
        ok=p_value >= P_VALUE and outside == 0,
        value=f"p = {p_value:.2g}",
        beside=f"at least {P_VALUE:g} (G-test, {len(found)} bins)",
        note=f"{outside} outside the nucleus" if outside else "",
    )


def binned(
    tokens: np.ndarray,
    probabilities: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Counts found and expected, in bins of like probability: of likelier tokens first."""
    order = np.argsort(-probabilities, kind="stable")
    before = np.cumsum(probabilities[order]) - probabilities[order]
    bins = np.empty(len(order), dtype=int)
    bins[order] = np.minimum(before * BINS, BINS - 1).astype(int)
    inside = tokens[probabilities[tokens] > 0]
    found = np.bincount(bins[inside], minlength=BINS)
    expected = np.bincount(bins, weights=probabilities, minlength=BINS)
    filled = expected > 0
    return found[filled], expected[filled] / expected.sum() * found.sum()


def in_bf16(session: Session) -> None:
    """The precision that a GPU samples in, beside the stock model's own rounding."""
    rivals = Rivals(session, torch.bfloat16)
    sampling = SamplingConfig(n=1, max_tokens=session.sizes.draw_tokens, logprobs=True)
    draws = rivals.draw([rivals.requests(slot, 1) for slot in SLOTS], sampling)
    batched, single = apart(rivals, draws), apart(rivals, draws, together=False)
    session.report.check(
        PART,
        "bf16: log-probabilities of drawn tokens = the stock model's",
        ok=float(batched.mean()) <= CLOSE_BF16,
        value=f"{batched.mean():.2g} nats apart in the mean",
        beside=f"at most {CLOSE_BF16:g}; {single.mean():.2g} from it row by row",
    )
    for name, slot in (("base", NO_SLOT), ("an adapter", 3)):
        frequencies(session, rivals, f"bf16, {name}", slot, 1.0)


def run(session: Session) -> None:
    """fp32 in full, then bf16."""
    with exact():
        rivals = Rivals(session, torch.float32)
        greedy(session, rivals)
        session.need(5 if session.on_gpu else 1)
        drawn(session, rivals)
        for name, slot in (("base", NO_SLOT), ("an adapter", 3)):
            for top_p in (1.0, 0.9):
                session.need(2)
                frequencies(session, rivals, f"fp32, {name}", slot, top_p)
    del rivals
    session.need(5 if session.on_gpu else 1)
    in_bf16(session)
