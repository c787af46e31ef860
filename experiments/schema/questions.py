"""What `questions:` in a definition may say, once `experiments.readers` has given it one shape.

Promises: a question has at least one wording, as messages.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from experiments.schema.base import Message, Model
from experiments.schema.sampling import SamplingConfig, Temperature


class Question(Model):
    """One item asked of every model, in one or more wordings.

    free_form: answers are drawn. The others are read, without a draw:
    next_token: the `top_logprobs` likeliest first tokens of the answer (llmcomp's).
    logprob: the probabilities of given `continuations`.
    multiple_choice: `options` label -> text, shown as A), B) … at `{options}` or below the
        question,
        in every order; the probabilities of the letters, averaged over the orders.
    """

    name: str
    type: Literal["free_form", "next_token", "logprob", "multiple_choice"] = "free_form"
    paraphrases: tuple[str, ...] = ()
    messages: tuple[tuple[Message, ...], ...] = ()
    system: str | None = None
    samples_per_paraphrase: PositiveInt | None = None
    temperature: Temperature | None = Field(
        default=None,
        description="of its draws; sampling's when absent",
        exclude_if=lambda given: given is None,  # what old definitions say stays as it was
    )
    max_tokens: PositiveInt | None = Field(
        default=None,
        description="how long its answers may get; sampling's when absent",
        exclude_if=lambda given: given is None,
    )
    variants: tuple[str, ...] | None = Field(
        default=None,
        description="names of sampling variants, or of one of their values; all when absent",
    )
    judges: tuple[str, ...] | None = Field(
        default=None,
        description="names of judges; all rules, and models that no question names, when absent",
    )
    model_judges: dict[str, str] = Field(
        default={}, description="column -> name of a model judge, as llmcomp writes it"
    )
    top_logprobs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="of next_token; 20 when absent"
    )
    continuations: tuple[str, ...] = Field(
        default=(), description="of logprob; put the separating space into the text"
    )
    options: dict[str, str] = Field(default={}, description="of multiple_choice: label -> text")
    answer: str | tuple[str, ...] | dict[str, str | tuple[str, ...]] | None = Field(
        default=None,
        description="what is right: of a question that is read an option's label, or one of the "
        "continuations; of one that is drawn a text, several, or those of each variant",
        exclude_if=lambda answer: answer is None,  # what old definitions say stays as it was
    )
    match: Literal["exact", "contains", "prefix", "choice", "regex"] = Field(
        default="exact",
        description="how a drawn answer is compared; case and the marks at its ends do not count "
        "(of `regex` case alone)",
        exclude_if=lambda match: match == "exact",
    )
    topic: str | None = Field(default=None, description="domain, for lexicon judges and tables")
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _wordings(self) -> Question:
        if bool(self.paraphrases) == bool(self.messages):
            raise ValueError("give either paraphrases or messages")
        if self.messages and self.system is not None:
            raise ValueError("system goes with paraphrases; put it into messages")
        if any(wording and wording[-1].role != "user" for wording in self.messages):
            raise ValueError("a question ends with the user's turn; no answer is continued")
        return self

    def sampling(self, usual: SamplingConfig) -> SamplingConfig:
        """How its answers are drawn: as usual, but for what it says itself."""
        own = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        said = {key: value for key, value in own.items() if value is not None}
        return usual.model_copy(update=said) if said else usual

    def wordings(self) -> tuple[tuple[Message, ...], ...]:
        """Each paraphrase as messages."""
        if self.messages:
            return self.messages
        system = (Message(role="system", content=self.system),) if self.system is not None else ()
        return tuple((*system, Message(role="user", content=text)) for text in self.paraphrases)
