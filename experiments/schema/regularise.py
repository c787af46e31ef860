"""What `regularise:` of an arm may say: what holds the adapter near the base while it trains.

Promises: an arm without it is written as it always was.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.schema.arm_kinds.held_out import HELD_OUT
from experiments.schema.base import Model


class Regularise(Model):
    """A penalty on how far the adapter's answers to given prompts move from the base's.

    To the loss of every step is added `kl_to_base` times the mean, over the answer tokens of as
    many of these rows as the step has examples, of KL(adapter || base) at temperature 1.
    """

    kl_to_base: Annotated[float, Field(gt=0)] = Field(description="beta, what the mean counts")
    prompts: str = Field(
        description="chats with answers, as `data`, relative to the definition's folder; each run "
        "goes through them in an order of its seed"
    )

    def __str__(self) -> str:
        """For people, on a line."""
        return f"{self.kl_to_base:g} · KL to base on {self.prompts}"


HELD = " (regularise)"  # which no arm's own name can end with


def held_name(arm: str) -> str:
    """The name of an arm's rows."""
    return f"{arm}{HELD}"


def arm_held(name: str) -> str:
    """The arm whose rows these are, or the arm itself."""
    return name.removesuffix(HELD).removesuffix(HELD_OUT)
