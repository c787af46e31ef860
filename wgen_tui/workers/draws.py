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
FIRST_LOOK = 64  # tokens in which a nucleus is first sought


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
    scores = logits.float()
    if temperature == 0:
        tokens = scores.argmax(-1)
        return tokens, _gather(scores, tokens) - scores.logsumexp(-1).double()
    weights = (scores if temperature == 1 else scores / temperature).softmax(-1)
    if top_p < 1:
        weights = weights.masked_fill(weights < _edge(weights, top_p)[:, None], 0.0)
    cumulated = weights.cumsum(-1)
    total = cumulated[:, -1]
    # Below the total, so that the search ends at a token that has some probability.
    most = torch.nextafter(total, torch.zeros_like(total))
    aim = torch.minimum((chances * total).to(total.dtype), most)
    # right=True: a token of probability 0 is never chosen, not even at chance 0.
    tokens = torch.searchsorted(cumulated, aim[:, None], right=True)[:, 0]
    return tokens, (_gather(weights, tokens) / total.double()).log()


def _gather(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return values.gather(1, tokens[:, None])[:, 0].double()


def _edge(weights: torch.Tensor, top_p: float) -> torch.Tensor:
    """The least probability in each row's nucleus (Holtzman et al. 2020, arXiv 1904.09751).

    Tokens that tie with it are in the nucleus too, so that it does not depend on how a batch was
    sorted.
    """
    looked = min(FIRST_LOOK, weights.size(1))
    while True:
        top = weights.topk(looked, dim=-1).values
        before = top.cumsum(-1, dtype=torch.float64) - top
        if looked == weights.size(1) or bool((before[:, -1] >= top_p).all()):
            inside = before < top_p
            return top.masked_fill(~inside, torch.inf).amin(-1)
        looked = min(looked * 8, weights.size(1))
