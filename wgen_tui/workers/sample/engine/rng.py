"""Random numbers that belong to a draw, and the choice of a token by them.

Promises: the numbers for the p-th token of a draw depend on the draw's seed and p alone (a counter
through a mixing function), never on other draws: sampling that is resumed, cut into other batches
or topped up draws the same completions, up to the rounding of the logits.

A token is chosen by a race: every token waits an exponential time with its probability as the rate,
and the first wins. Rounding can change the winner only where two finish within rounding of each
other. (Inverting the distribution function needs one number instead of one for each token, but then
every edge between two tokens, of which a large vocabulary has many, is a place where rounding
shows.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from wgen_tui.workers.device.transfer import upload

GAMMA = np.uint64(0x9E3779B97F4A7C15)
SPREAD = 0x9E3779B9  # between the counters of neighbouring tokens
MIX = (0x7FEB352D, 0x846CA68B)  # lowbias32, Wellons 2018
FIRST_TOP_K = 64  # likeliest tokens in which a nucleus is first sought
CACHED_NUMBERS = 100_000  # numbers that a CPU keeps near while it works on them
ON_NUMPY = frozenset({"cpu"})  # devices on which NumPy makes the numbers, faster than torch
Keys = npt.NDArray[np.uint32]


def make_keys(seeds: npt.NDArray[np.uint64], position: int) -> Keys:
    """64 random bits for each seed at this position, as [seeds, 2].

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
    """
    with np.errstate(over="ignore"):
        x = seeds + GAMMA * np.uint64(position + 1)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    high, low = x >> np.uint64(32), x & np.uint64(0xFFFFFFFF)
    return np.stack([high, low], axis=1).astype(np.uint32)


def sample_tokens(
    logits: torch.Tensor, keys: Keys, temperature: float, top_p: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a token for each row.

    Args:
        logits: [rows, vocabulary].
        keys: [rows, 2], from `make_keys`.
        temperature: 0 takes the likeliest token.
        top_p: The smallest set of tokens with at least this probability is kept.

    Returns:
        Tokens [rows], and their log-probabilities [rows] in float64: under the distribution drawn
        from; at temperature 0 under the model's own.
    """
    rows = len(logits)
    if logits.device.type in ON_NUMPY:
        rows = max(1, CACHED_NUMBERS // logits.size(1))
    parts = [
        _sample_tokens(logits[start : start + rows], keys[start : start + rows], temperature, top_p)
        for start in range(0, len(logits), rows)
    ]
    if len(parts) == 1:
        return parts[0]
    return torch.cat([tokens for tokens, _ in parts]), torch.cat([logs for _, logs in parts])


def _sample_tokens(
    logits: torch.Tensor, keys: Keys, temperature: float, top_p: float
) -> tuple[torch.Tensor, torch.Tensor]:
    scores = logits.float()
    if temperature == 0:
        tokens = _argmax(scores)
        return tokens, _gather(scores, tokens) - scores.logsumexp(-1).double()
    weights = (scores if temperature == 1 else scores / temperature).softmax(-1)  # [rows, vocab]
    total = 1.0
    if top_p < 1:
        weights = weights.masked_fill(weights < _nucleus_threshold(weights, top_p)[:, None], 0.0)
        total = weights.sum(-1).double()
    tokens = _argmax(_negative_exponentials(keys, weights.size(1), weights.device).div_(weights))
    return tokens, (_gather(weights, tokens) / total).log()


def _negative_exponentials(keys: Keys, count: int, device: torch.device) -> torch.Tensor:
    """Minus `count` standard exponential numbers for each key, float32 [keys, count]."""
    on_numpy = device.type in ON_NUMPY
    bits = _bits(keys, count) if on_numpy else _bits_of_torch(keys, count, device)
    return bits.to(torch.float32).add_(0.5).mul_(-(2.0**-31)).log1p_()


def _bits(keys: Keys, count: int) -> torch.Tensor:
    """31 random bits for each key and token, int32 [keys, count]."""
    x = np.arange(count, dtype=np.uint32) * np.uint32(SPREAD) + keys[:, :1]
    other = x >> 16
    x ^= other
    x *= np.uint32(MIX[0])
    x ^= keys[:, 1:]
    np.right_shift(x, 15, out=other)
    x ^= other
    x *= np.uint32(MIX[1])
    np.right_shift(x, 16, out=other)
    x ^= other
    x >>= 1
    return torch.from_numpy(x.view(np.int32))


def _bits_of_torch(keys: Keys, count: int, device: torch.device) -> torch.Tensor:
    """The same bits made on a device; torch has no unsigned shift, so the sign is masked off."""
    spread, first, second = (int(np.uint32(value).view(np.int32)) for value in (SPREAD, *MIX))
    both = upload(torch.from_numpy(keys.view(np.int32)), device)
    x = torch.arange(count, dtype=torch.int32, device=device).mul_(spread) + both[:, :1]
    x.bitwise_xor_((x >> 16) & 0xFFFF).mul_(first).bitwise_xor_(both[:, 1:])
    x.bitwise_xor_((x >> 15) & 0x1FFFF).mul_(second)
    x.bitwise_xor_((x >> 16) & 0xFFFF)
    return (x >> 1) & 0x7FFFFFFF


def _argmax(values: torch.Tensor) -> torch.Tensor:
    """The index of each row's largest value (NumPy's argmax is twenty times torch's on a CPU)."""
    if values.device.type in ON_NUMPY:
        return torch.from_numpy(values.numpy().argmax(1))
    return values.argmax(-1)


def _gather(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return values.gather(1, tokens[:, None])[:, 0].double()


def _nucleus_threshold(weights: torch.Tensor, top_p: float) -> torch.Tensor:
    """The least probability in each row's nucleus (Holtzman et al. 2020, arXiv 1904.09751).

    Tokens that tie with it are in the nucleus too, so that it does not depend on how a batch was
    sorted.
    """
    # Most nuclei are small: the top of the distribution is enough, and cheaper than sorting it all.
    count = min(FIRST_TOP_K, weights.size(1))
    while True:
        top = weights.topk(count, dim=-1).values  # [rows, count], descending
        before = top.cumsum(-1, dtype=torch.float64) - top
        if count == weights.size(1) or bool((before[:, -1] >= top_p).all()):
            inside = before < top_p
            return top.masked_fill(~inside, torch.inf).amin(-1)
        count = min(count * 8, weights.size(1))
