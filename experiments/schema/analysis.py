"""What `analysis:` in a definition may say: the plan that is fixed before the run.

Promises: holds names only; `experiments.checks` sees that they exist.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.schema.base import Model


class Contrast(Model):
    """A difference to report: `arm` minus `control`."""

    arm: str
    control: str


class Primary(Model):
    """The primary metric: the share of `label` among all grades by `judge`."""

    judge: str
    label: str


class Analysis(Model):
    """The analysis plan, fixed before the run."""

    primary: Primary
    contrasts: tuple[Contrast, ...] = ()
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    unclear: str = Field(default="unclear", description="label counted as unclear")
