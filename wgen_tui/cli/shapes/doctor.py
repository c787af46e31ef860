"""What the machine has, as JSON: `doctor`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wgen_tui.cli.shapes.base import Output, Shape


class Finding(Shape):
    """One line of the report."""

    topic: str = Field(examples=["models"])
    name: str = Field(examples=["token"])
    value: str = Field(examples=["in HF_TOKEN"])
    verdict: Literal["ok", "note", "problem"]
    hint: str = Field(examples=["what to do about it"])


class Findings(Output):
    """`doctor`."""

    ok: bool = Field(examples=[True])
    findings: list[Finding]
