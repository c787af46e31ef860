"""One order of arms in every table: the definition's, treated arms first and the untrained last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wgen_tui.services.results.results import Results

ROLES = ("treatment", "control", "benign", "base")


def in_order(results: Results, arms: Sequence[str]) -> Results:
    """The same results, rates and differences as the definition lists its arms.

    Args:
        results: As they were computed.
        arms: The definition's; others follow in the order that they have.
    """
    role_of = {rate.arm: rate.role for rate in results.rates}
    every = dict.fromkeys([*arms, *(rate.arm for rate in results.rates)])
    ranked = sorted(every, key=lambda arm: ROLES.index(role_of.get(arm, "base")))
    place = {arm: number for number, arm in enumerate(ranked)}
    heads = list(dict.fromkeys((rate.metric, rate.model) for rate in results.rates))
    heads += [head for c in results.contrasts if (head := (c.metric, c.model)) not in heads]
    rates = sorted(
        results.rates, key=lambda rate: (heads.index((rate.metric, rate.model)), place[rate.arm])
    )
    contrasts = sorted(
        results.contrasts,
        key=lambda item: (
            heads.index((item.metric, item.model)),
            place.get(item.arm, len(place)),
            place.get(item.control, len(place)),
        ),
    )
    return results.model_copy(update={"rates": rates, "contrasts": contrasts})
