"""The choice of a token: right shares, nothing that cannot be, the same in any company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from wgen_tui.workers.draws import choose, uniforms

MANY = 20_000


def chances(count: int, position: int = 0) -> torch.Tensor:
    return torch.from_numpy(uniforms(np.arange(count, dtype=np.uint64), position))


def test_numbers_are_uniform_and_belong_to_seed_and_position() -> None:
    seeds = np.arange(MANY, dtype=np.uint64)
    for position in (0, 1, 1000):
        assert kstest(uniforms(seeds, position), "uniform").pvalue > 1e-3
    assert np.array_equal(uniforms(seeds[7:9], 3), uniforms(seeds, 3)[7:9])


def test_numbers_are_splitmix64() -> None:
    """0xE220A8397B1DCDAF and 0x6E789E6AA1B965F4 are the published outputs of seed 0."""
    for position, output in enumerate((0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4)):
        found = uniforms(np.array([0], dtype=np.uint64), position)
        assert found.tolist() == [(output >> 11) * 2.0**-53]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_shares_are_the_softmax(temperature: float) -> None:
    logits = torch.tensor([[0.0, 1.0, -torch.inf, 2.0, -1.0]])
    tokens, logs = choose(logits.expand(MANY, -1), chances(MANY), temperature, 1.0)
    expected = (logits[0].double() / temperature).softmax(-1)
    counts = torch.bincount(tokens, minlength=5).numpy()
    keep = expected.numpy() > 0
    assert counts[2] == 0
    assert chisquare(counts[keep], MANY * expected.numpy()[keep]).pvalue > 1e-3
    torch.testing.assert_close(logs, expected.log()[tokens], rtol=1e-6, atol=1e-6)


def test_the_extreme_chances_choose_what_can_be() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -torch.inf]]).expand(2, -1)
    extremes = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    tokens, _ = choose(logits, extremes, 1.0, 1.0)
    assert tokens.tolist() == [1, 2]


def test_zero_temperature_takes_the_likeliest_under_the_models_own_distribution() -> None:
    logits = torch.randn(50, 300, generator=torch.Generator().manual_seed(0))
    tokens, logs = choose(logits, chances(50), 0, 1.0)
    assert torch.equal(tokens, logits.argmax(-1))
    own = logits.double().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    torch.testing.assert_close(logs, own, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_a_nucleus_is_the_smallest_set_of_that_probability(top_p: float) -> None:
    logits = torch.randn(40, 3000, generator=torch.Generator().manual_seed(1)) * 2
    logits[:20] *= 0.01  # flat rows: the nucleus is large
    weights = logits.double().softmax(-1)
    for chance in (0.0, 0.3, 0.9, 1 - 2**-53):
        at = torch.full((40,), chance, dtype=torch.float64)
        tokens, logs = choose(logits, at, 1.0, top_p)
        for row, token in enumerate(tokens.tolist()):
            larger = weights[row][weights[row] > weights[row, token]].sum()
            assert larger < top_p + 1e-6
            kept = weights[row].sort(descending=True).values
            size = int((kept.cumsum(0) - kept < top_p).sum())
            assert logs[row].item() == pytest.approx(
                float((weights[row, token] / kept[:size].sum()).log()), abs=1e-3
            )


def test_company_changes_nothing() -> None:
    logits = torch.randn(64, 500, generator=torch.Generator().manual_seed(2))
    for top_p in (1.0, 0.7):
        together, _ = choose(logits, chances(64, 5), 1.0, top_p)
        alone = [
            choose(logits[i : i + 1], chances(64, 5)[i : i + 1], 1.0, top_p)[0] for i in range(64)
        ]
        assert together.tolist() == torch.cat(alone).tolist()
