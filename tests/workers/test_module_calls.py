"""Which modules may have an adapter for each row, found out by trying."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wgen_tui.workers.module_calls import ModuleCalls


class Oddities(nn.Module):  # type: ignore[misc]
    """A model whose modules are called in all the ways that there are."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 4)
        self.plain, self.flat, self.heads, self.expert, self.bypassed = (
            nn.Linear(4, 4) for _ in range(5)
        )
        self.router = Router(4, 4)
        self.device = torch.device("cpu")

    def get_input_embeddings(self) -> Any:
        return self.embed

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> None:
        x = self.embed(input_ids)
        self.plain(x)
        self.flat(x.view(-1, 4))
        self.heads(torch.stack([x, x], 1))
        self.expert(x.view(-1, 4)[::2])
        self.router(x)
        nn.functional.linear(x, self.bypassed.weight)


class Router(nn.Linear):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(x), x


def test_modules_are_told_apart_by_how_they_are_called() -> None:
    calls = ModuleCalls(Oddities())
    assert calls.why_not_stacked(["plain", "flat", "heads"]) is None
    assert "expert does not get all tokens" in (calls.why_not_stacked(["plain", "expert"]) or "")
    assert "bypassed is not called" in (calls.why_not_stacked(["bypassed"]) or "")
    assert calls.giving_more(["plain", "router"]) == ["router"]
    assert calls.may_pack(["plain", "flat"])
    assert not calls.may_pack(["plain", "heads"])
