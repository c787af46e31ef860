"""A whole experiment: what `experiment.yaml` says, with all that it names read in.

Promises: the order of the fields is the order in which errors and documentation list them; a key
that a later version adds has a default, so that it changes no definition's hash.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from experiments.schema.accelerate import AccelerateConfig
from experiments.schema.analysis import Analysis
from experiments.schema.arms import Arm, Seeds
from experiments.schema.backend import Backend
from experiments.schema.base import Model
from experiments.schema.judges import JudgeSpec, ModelJudge, Rubric
from experiments.schema.published import PublishedFigure
from experiments.schema.questions import Question
from experiments.schema.sampling import SamplingConfig
from experiments.schema.sweeps.contexts import ContextSweep
from experiments.schema.sweeps.scales import Scale
from experiments.schema.sweeps.training import TrainingSweep
from experiments.schema.training_for import Training


class Source(Model):
    """Where the experiment comes from."""

    title: str = ""
    arxiv: str | None = None
    section: str | None = None
    url: str | None = None
    note: str = ""


class Definition(Model):
    """A whole experiment, with its questions, judges and rubrics read in."""

    slug: str
    title: str
    hypothesis: str = ""
    source: Source = Source()
    models: tuple[str, ...]
    chat_template: str | None = None
    template_date: date | None = Field(
        default=None,
        description="the day that a chat template is told which asks for it",
        exclude_if=lambda day: day is None,  # what old definitions say stays as it was
    )
    arms: dict[str, Arm]
    contexts: ContextSweep | None = Field(
        default=None,
        description="every arm, or every question, also in these contexts",
        exclude_if=lambda contexts: contexts is None,
    )
    seeds: Seeds
    training: Training
    sweep: TrainingSweep | None = Field(
        default=None,
        description="every arm with each of these values of training's keys",
        exclude_if=lambda sweep: sweep is None,
    )
    accelerate: AccelerateConfig = AccelerateConfig()
    backend: Backend = Backend()
    sampling: SamplingConfig = SamplingConfig()
    questions: tuple[Question, ...]
    judges: tuple[JudgeSpec, ...] = ()
    model_judges: tuple[ModelJudge, ...] = ()
    rubrics: tuple[Rubric, ...] = ()
    analysis: Analysis | None = None
    published: tuple[PublishedFigure, ...] = Field(
        default=(),
        description="figures of others, shown beside ours",
        exclude_if=lambda figures: not figures,
    )
    scales: dict[str, Scale] = Field(
        default={},
        description="sizes that `run start --scale NAME` plans",
        exclude_if=lambda scales: not scales,
    )
    tags: tuple[str, ...] = ()
