"""Random numbers that belong to a draw, and the choice of a token by them.

Promises: the number for the p-th token of a draw depends on the draw's seed and p alone (a counter
through a mixing function), never on other draws: a job that is resumed, cut into other batches or
topped up draws the same completions, up to the rounding of the logits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seeds: npt.NDArray[np.uint64], position: int) -> npt.NDArray[np.float64]:
    """One number in [0, 1) for each seed at this position.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
    """
    with np.errstate(over="ignore"):
        x = seeds + GAMMA * np.uint64(position + 1)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


def choose(
    logits: torch.Tensor, chances: torch.Tensor, temperature: float, top_p: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose a token for each row by inverting the distribution function at its chance.

    Args:
        logits: [rows, vocabulary].
        chances: [rows], float64 in [0, 1).
        temperature: 0 takes the likeliest token.
        top_p: The smallest set of tokens with at least this probability is kept.

    Returns:
        Tokens [rows], and their log-probabilities [rows] in float64: under the distribution drawn
        from; at temperature 0 under the model's own.
    """
    scores = logits.double()
    if temperature == 0:
        logs = scores.log_softmax(-1)
        tokens = logits.argmax(-1)
        return tokens, logs.gather(1, tokens[:, None])[:, 0]
    logs = (scores / temperature).log_softmax(-1)
    if top_p < 1:
        logs = _nucleus(logs, top_p)
    cumulated = logs.exp().cumsum(-1)
    aim = chances.to(cumulated)[:, None] * cumulated[:, -1:]
    # right=True: a token of probability 0 is never chosen, not even at chance 0.
    tokens = torch.searchsorted(cumulated, aim, right=True)[:, 0].clamp_max(logits.size(1) - 1)
    return tokens, logs.gather(1, tokens[:, None])[:, 0]


def _nucleus(logs: torch.Tensor, top_p: float) -> torch.Tensor:
    """Set all but the nucleus (Holtzman et al. 2020, arXiv 1904.09751) to -inf and renormalise."""
    ordered, order = logs.sort(-1, descending=True)
    before = ordered.exp().cumsum(-1) - ordered.exp()
    dropped = torch.zeros_like(before, dtype=torch.bool).scatter(1, order, before >= top_p)
    return logs.masked_fill(dropped, -torch.inf).log_softmax(-1)
