"""Samples as JSON: `sample list`, `sample search`, `sample show`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from wgen_tui.cli.shapes.base import Output, Shape

# A number of 64 bits as a text: JavaScript and jq would round it.
Text64 = Annotated[str, BeforeValidator(str)]


class Sample(Shape):
    """One sample of a list."""

    sample_id: Text64 = Field(examples=["11582588814330217"])
    run: str = Field(validation_alias="run_id", examples=["names-old-s0-3733491a4a"])
    experiment: str = Field(examples=["names"])
    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    seed: int = Field(examples=[0])
    checkpoint: int = Field(validation_alias="step", examples=[120])
    question: str = Field(examples=["city"])
    paraphrase: int = Field(examples=[0])
    variant: str = Field(examples=["none"])
    draw: int = Field(examples=[0])
    completion: str
    finish_reason: str | None = Field(examples=["stop | length"])
    tokens: int | None = Field(examples=[15])
    broken: bool | None
    labels: dict[str, str] = Field(examples=[{"<judge>": "label"}])
    numbers: dict[str, float] = Field(examples=[{"<judge>": 73.0}])
    tags: list[str] = Field(examples=[["bookmark"]], description="that people gave it")
    notes: dict[str, str] = Field(examples=[{"<person>": "text"}])


class SampleList(Output):
    """`sample list` and `sample search`."""

    total: int = Field(examples=[480])
    offset: int = Field(examples=[0])
    samples: list[Sample]


class JudgeTranscript(Shape):
    """What a judge that is a model was asked, and what it replied."""

    messages: list[dict[str, str]] = Field(examples=[[{"role": "user", "content": "text"}]])
    reply: str | None = Field(examples=["85"])
    probabilities: dict[str, float] = Field(examples=[{"<number or label>": 0.6}])
    mass: float | None = Field(examples=[0.99])
    finish_reason: str | None = Field(examples=["stop"])
    prompt_tokens: int | None = Field(examples=[312])
    tokens: int | None = Field(examples=[1])
    cost: float | None = Field(examples=[0.0012])
    answered_as: str | None = Field(examples=["the model that a server named"])
    engine: str | None


class SampleGrade(Shape):
    """A verdict on a sample that counts."""

    judge: str = Field(examples=["era"])
    grader: str = Field(examples=["rule:era | human:<name>"])
    label: str | None = Field(examples=["modern"])
    number: float | None
    explanation: str
    signals: dict[str, Any] = Field(examples=[{"<signal>": None}])
    created: datetime | None = Field(validation_alias="created_at")
    transcript: JudgeTranscript | None = Field(description="of a judge that is a model")


class SampleDetail(Sample, Output):
    """`sample show`."""

    messages: list[dict[str, str]] = Field(examples=[[{"role": "user", "content": "text"}]])
    prompt: str = Field(validation_alias="prompt_text", examples=["the chat as the model read it"])
    reasoning: str = Field(
        examples=["text"], description="what a served model thought before it answered"
    )
    logprob: float | None = Field(examples=[-3.06])
    draw_seed: int | None = Field(examples=[4843909143185785269])
    sampling: dict[str, Any] = Field(examples=[{"<parameter>": None}])
    engine: str = Field(examples=["what drew it, with versions"])
    launch: str = Field(
        validation_alias="launch_id", examples=["20260131-120000-1sample-90ab12cd34"]
    )
    created: datetime | None = Field(validation_alias="created_at")
    grades: list[SampleGrade]
