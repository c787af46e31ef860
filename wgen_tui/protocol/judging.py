"""What a launch of judges that are models is told, and the hash that names such a judge.

Promises: a judge is named by everything that its verdicts depend on: model and revision (or server
and model), precision, prompt and its wordings, template and thinking switch, decoding, and how its
reply is read. What its replies depend on has a hash of its own, so that a reply is asked for once
though it may be read in several ways.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from experiments.schema import ModelJudge
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.model_refs import ModelRef
from wgen_tui.protocol.record import Record

READ_VERSION = 1  # of how replies are read; another one reads the stored replies again
# Keys that say how a reply is read, not what is asked. By probability more of them are asked.
OF_READING = {
    "free_form_judge": ("labels", "verdict", "field", "case_sensitive"),
    "rating_judge": ("words", "refusal_threshold"),
    "choice": ("refusal_threshold",),
}
OF_SAMPLED_RATING = ("min_rating", "max_rating")
OF_NEITHER = ("name", "model", "description", "repeat", "prompt", "system", "paraphrases")


class AskedJudge(Record):
    """One judge, with the model that its name was read as.

    Attributes:
        judge: As the definition says.
        model: Who answers.
        weights: What tells the model's weights, or its server, from others.
        precision: In which it is loaded here; None for a served model.
        template: Hash of the chat template; None for a served model.
        questions: The questions whose samples it judges.
    """

    judge: ModelJudge
    model: ModelRef
    weights: tuple[str, ...]
    precision: Literal["fp32", "bf16", "fp16"] | None = None
    template: str | None = None
    questions: tuple[str, ...]

    @property
    def asker(self) -> str:
        """Names who is asked and how: with a rendered prompt, it says which reply to expect."""
        judge = self.judge
        of_reading = OF_READING[judge.type]
        if judge.type == "rating_judge" and judge.read == "sampled":
            of_reading += OF_SAMPLED_RATING
        asked = judge.model_dump(mode="json", exclude={*OF_NEITHER, *of_reading})
        return short_hash("asker", self.weights, self.precision, self.template, asked)

    @property
    def rubric(self) -> str:
        """Names the judge with its prompt and how its replies are read."""
        said = self.judge.model_dump(mode="json", exclude={"name", "model", "description"})
        return short_hash("judge", self.asker, said, READ_VERSION)

    @property
    def greedy(self) -> bool:
        """Whether equal prompts have equal replies, so that one is asked for them all."""
        return self.judge.by_probability or not self.judge.temperature

    def grader(self, wording: int = 0, repeat: int = 0) -> str:
        """The grader of a verdict: further wordings and repeats are graders of their own."""
        said = f"model:{self.model.name}"
        if wording:
            said += f" (wording {wording + 1})"
        return f"{said} (repeat {repeat + 1})" if repeat else said


class JudgedPrompt(Record):
    """What fills the slots of a judge's prompt, but for the answer.

    Attributes:
        question: The wording, before prefix, wrap and system of a variant.
        prompt: The last user turn as it was asked.
        reference: The expected answer, where the question has one.
    """

    question: str
    prompt: str
    variant: str
    reference: str | None = None


class Panel(Record):
    """What a launch asks judges that are models, all of one model.

    Attributes:
        judges: The judges.
        prompts: By prompt id, for the samples of the present definition.
        samples: Only these, by id; all of the launch's runs when None.
        limit: Most samples that each judge judges, over all runs: a pilot.
        budget: In the unit of the endpoint's prices; the launch stops before it is passed.
        paid_from: The launch whose ledger the budget is counted in; this one's own when None.
    """

    judges: tuple[AskedJudge, ...]
    prompts: dict[str, JudgedPrompt] = Field(default={})
    samples: tuple[int, ...] | None = None
    limit: int | None = None
    budget: float | None = None
    paid_from: str | None = Field(default=None, exclude_if=lambda launch: launch is None)
