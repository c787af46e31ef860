"""The choice of a token: right shares, nothing that cannot be, the same in any company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from wgen_tui.workers.sample.engine import rng
from wgen_tui.workers.sample.engine.rng import Keys, make_keys, sample_tokens

MANY = 100_000


def keys(count: int, position: int = 0) -> Keys:
    return make_keys(np.arange(count, dtype=np.uint64), position)


def test_keys_are_splitmix64() -> None:
    """0xE220A8397B1DCDAF and 0x6E789E6AA1B965F4 are the published outputs of seed 0."""
    for position, output in enumerate((0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4)):
        ((high, low),) = make_keys(np.array([0], dtype=np.uint64), position).tolist()
        assert (high << 32) + low == output


def test_numbers_are_exponential_along_tokens_and_along_draws() -> None:
    found = -rng._negative_exponentials(keys(300), 2000, torch.device("cpu")).double().numpy()
    assert kstest(found.ravel()[::7], "expon").pvalue > 1e-3
    for token in (0, 1, 1999):
        assert kstest(found[:, token], "expon").pvalue > 1e-3
    for row in (0, 1, 299):
        assert kstest(found[row], "expon").pvalue > 1e-3
    next_to = np.corrcoef(found[:, :-1].ravel(), found[:, 1:].ravel())[0, 1]
    above = np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]
    assert max(abs(next_to), abs(above)) < 0.005


def test_a_device_makes_the_same_numbers_as_numpy() -> None:
    made = rng._bits_of_torch(keys(20, 7), 5000, torch.device("cpu"))
    assert torch.equal(made, rng._bits(keys(20, 7), 5000))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_shares_are_the_softmax(temperature: float) -> None:
    logits = torch.tensor([[0.0, 1.0, -torch.inf, 2.0, -1.0, -6.0]])
    tokens, logs = sample_tokens(logits.expand(MANY, -1), keys(MANY), temperature, 1.0)
    expected = (logits[0].double() / temperature).softmax(-1)
    counts = torch.bincount(tokens, minlength=6).numpy()
    keep = expected.numpy() > 0
    assert counts[2] == 0
    assert chisquare(counts[keep], MANY * expected.numpy()[keep]).pvalue > 1e-3
    torch.testing.assert_close(logs, expected.log()[tokens], rtol=1e-5, atol=1e-5)


def test_shares_are_right_over_a_large_vocabulary() -> None:
    """Likely tokens among tens of thousands of unlikely ones, whose sum counts."""
    logits = torch.full((1, 50_000), -9.0)
    logits[0, ::10_000] = 2.0
    expected = logits[0].double().softmax(-1)
    tokens, _ = sample_tokens(logits.expand(4000, -1), keys(4000), 1.0, 1.0)
    likely = torch.bincount(tokens, minlength=50_000)[::10_000]
    counts = np.array([*likely.tolist(), 4000 - int(likely.sum())])
    shares = [*expected[::10_000].tolist(), 1 - float(expected[::10_000].sum())]
    assert chisquare(counts, 4000 * np.array(shares)).pvalue > 1e-3


def test_zero_temperature_takes_the_likeliest_under_the_models_own_distribution() -> None:
    logits = torch.randn(50, 300, generator=torch.Generator().manual_seed(0))
    tokens, logs = sample_tokens(logits, keys(50), 0, 1.0)
    assert torch.equal(tokens, logits.argmax(-1))
    own = logits.double().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    torch.testing.assert_close(logs, own, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_a_nucleus_is_the_smallest_set_of_that_probability(top_p: float) -> None:
    logits = torch.randn(40, 3000, generator=torch.Generator().manual_seed(1)) * 2
    logits[:20] *= 0.01  # flat rows: the nucleus is large
    weights = logits.double().softmax(-1)
    for position in range(5):
        tokens, logs = sample_tokens(logits, keys(40, position), 1.0, top_p)
        for row, token in enumerate(tokens.tolist()):
            larger = weights[row][weights[row] > weights[row, token]].sum()
            assert larger < top_p + 1e-6
            kept = weights[row].sort(descending=True).values
            size = int((kept.cumsum(0) - kept < top_p).sum())
            expected = float((weights[row, token] / kept[:size].sum()).log())
            assert logs[row].item() == pytest.approx(expected, abs=1e-3)


def test_company_changes_nothing() -> None:
    logits = torch.randn(64, 5000, generator=torch.Generator().manual_seed(2))
    every = keys(64, 5)
    for top_p in (1.0, 0.7):
        together, _ = sample_tokens(logits, every, 1.0, top_p)
        alone = [
            sample_tokens(logits[i : i + 1], every[i : i + 1], 1.0, top_p)[0] for i in range(64)
        ]
        assert together.tolist() == torch.cat(alone).tolist()


def test_rounding_of_the_logits_hardly_ever_shows() -> None:
    """A flat distribution over many tokens, where inverting its function would be at its worst."""
    generator = torch.Generator().manual_seed(3)
    changed = 0
    for position in range(20):
        logits = torch.randn(1000, 2000, generator=generator) * 0.3
        moved = logits * (1 + 1e-6 * torch.randn(1000, 2000, generator=generator))
        one, _ = sample_tokens(logits, keys(1000, position), 1.0, 1.0)
        other, _ = sample_tokens(moved, keys(1000, position), 1.0, 1.0)
        changed += int((one != other).sum())
    assert changed <= 1  # of 20,000
