"""One order of arms in every table: the definition's, treated arms first and the untrained last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wgen_tui.services.results.results import Results

ROLES = ("treatment", "control", "benign", "base")


def places(role_of: Mapping[str, str], arms: Sequence[str]) -> dict[str, int]:
    """An arm → its place among all.

    Args:
        role_of: The role of each arm that there is.
        arms: The definition's, in its order; others follow as they are given.
    """
    listed = dict.fromkeys([*arms, *role_of])

    def rank(arm: str) -> int:
        role = role_of.get(arm, "")
        return ROLES.index(role) if role in ROLES else len(ROLES)

    ranked = sorted(listed, key=rank)
    return {arm: number for number, arm in enumerate(ranked)}


def in_order(results: Results, arms: Sequence[str]) -> Results:
    """The same results, rates and differences as the definition lists its arms.

    Args:
        results: As they were computed.
        arms: The definition's; others follow in the order that they have.
    """
    place = places({rate.arm: rate.role for rate in results.rates}, arms)
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
