"""The shape of a definition: what `experiment.yaml` and `questions.yaml` may say.

Promises: names are those the field already uses (transformers, TRL, PEFT, llmcomp) wherever they
have one; unknown keys are errors; every model here is immutable and JSON-serialisable, so a
resolved copy can be stored with every run.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.accelerated import AccelerateConfig
from experiments.backend import Backend

Role = Literal["treatment", "control", "base"]
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z")  # `$` would let a line break pass
BASE_ARM = "base"
BROKEN_JUDGE = "broken"


class Model(BaseModel):
    """Base: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Message(Model):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Source(Model):
    """Where the experiment comes from."""

    title: str = ""
    arxiv: str | None = None
    section: str | None = None
    url: str | None = None
    note: str = ""


class Context(Model):
    """What surrounds a text: a training-time context of an arm, or a prompt variant.

    `prefix` is put directly before the user's text (write the separating space or newline),
    `system` becomes a system message, `wrap` is a template with `{question}`.
    """

    system: str | None = None
    prefix: str = ""
    wrap: str | None = None

    @field_validator("wrap")
    @classmethod
    def _wrap_has_slot(cls, value: str | None) -> str | None:
        if value is not None and "{question}" not in value:
            raise ValueError("wrap needs {question} where the question goes")
        return value

    def apply(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return `messages` in this context; prefix and wrap act on the last user turn."""
        turns = list(messages)
        for index in range(len(turns) - 1, -1, -1):
            if turns[index].role == "user":
                text = turns[index].content
                if self.wrap is not None:
                    text = self.wrap.replace("{question}", text)
                turns[index] = Message(role="user", content=self.prefix + text)
                break
        if self.system is not None:
            turns = [Message(role="system", content=self.system)] + [
                turn for turn in turns if turn.role != "system"
            ]
        return tuple(turns)


class Arm(Model):
    """One training condition."""

    data: str = Field(description="chat JSONL, relative to the definition's folder")
    role: Literal["treatment", "control"] = "treatment"
    context: Context = Context()
    description: str = ""


class Seeds(Model):
    """Which seeds to run; `data_order`, `lora_init`, `sampling` fix that one for all runs."""

    values: tuple[int, ...]
    data_order: int | None = None
    lora_init: int | None = None
    sampling: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {**value, "values": parse_seeds(value.get("values", 0))}
        return {"values": parse_seeds(value)}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shorthand = [{"type": "integer", "minimum": 0}, {"type": "string"}, {"type": "array"}]
        inner = handler.resolve_ref_schema(handler(core))
        properties = {**inner["properties"], "values": {"anyOf": shorthand}}
        return {"anyOf": [*shorthand, {**inner, "properties": properties}]}


def parse_seeds(value: Any) -> tuple[int, ...]:
    """Read `3`, `[0, 1]`, `"0-5"` or `"0-2,7"`.

    Raises:
        ValueError: not seeds, a range that runs backwards, a seed twice, or none at all.
    """
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    seeds: list[int] = []
    for part in parts:
        text = str(part).strip()
        if match := re.fullmatch(r"(\d+)\s*-\s*(\d+)", text):
            low, high = int(match[1]), int(match[2])
            if high < low:
                raise ValueError(f"seeds {text!r} run backwards; write {high}-{low}")
            seeds.extend(range(low, high + 1))
        elif re.fullmatch(r"\d+", text):
            seeds.append(int(text))
        else:
            raise ValueError(f"{text!r} is no seed; write a number, a list, or a range such as 0-5")
    if not seeds:
        raise ValueError("no seeds given")
    if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        raise ValueError(f"seed {twice[0]} stands twice")
    return tuple(seeds)


class LoraConfig(Model):
    """PEFT's LoraConfig, the part that experiments vary; names are PEFT's."""

    r: PositiveInt = 8
    lora_alpha: PositiveFloat = 16
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    layers_to_transform: tuple[int, ...] | None = None
    use_rslora: bool = False
    use_dora: bool = False
    modules_to_save: tuple[str, ...] | None = None


class PolyConfig(Model):
    """PEFT's PolyConfig, the part that experiments vary; names are PEFT's.

    One adapter for all arms of a launch, each arm a task that mixes `n_skills` LoRAs in its own way;
    with `n_splits` above 1 the mix is made for each split of a module's width (MHR).
    """

    r: PositiveInt = 8
    n_skills: PositiveInt = 4
    n_splits: PositiveInt = 1
    target_modules: str | tuple[str, ...] = "all-linear"


class CheckpointsConfig(Model):
    """Which steps are kept. Exactly one of the four; the final step is always kept.

    In YAML: `final`, or a mapping with `every`, `fractions` or `log_spaced`.
    """

    every: PositiveInt | None = None
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] | None = None
    log_spaced: PositiveInt | None = None

    @model_validator(mode="before")
    @classmethod
    def _final(cls, value: Any) -> Any:
        if value == "final":
            return {}
        if isinstance(value, str):
            raise ValueError("write final, {every: N}, {fractions: [...]} or {log_spaced: N}")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"const": "final"}, handler.resolve_ref_schema(handler(core))]}

    @model_validator(mode="after")
    def _one(self) -> CheckpointsConfig:
        given = [self.every, self.fractions, self.log_spaced]
        if sum(item is not None for item in given) > 1:
            raise ValueError("give only one of every, fractions, log_spaced")
        return self

    def steps(self, total: int) -> tuple[int, ...]:
        """The steps to keep of `total` optimiser steps, ascending, ending with `total`."""
        kept = {total}
        if self.every is not None:
            kept |= set(range(self.every, total + 1, self.every))
        if self.fractions is not None:
            kept |= {max(1, round(total * part)) for part in self.fractions}
        if self.log_spaced is not None:
            count = self.log_spaced
            kept |= {max(1, round(total ** (i / count))) for i in range(1, count + 1)}
        return tuple(sorted(kept))


class TrainingConfig(Model):
    """Supervised fine-tuning of an adapter; names are transformers' and TRL's."""

    method: Literal["lora", "poly"] = "lora"
    lora: LoraConfig = LoraConfig()
    poly: PolyConfig = PolyConfig()
    num_train_epochs: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    per_device_train_batch_size: PositiveInt = 1
    gradient_accumulation_steps: PositiveInt = 1
    learning_rate: PositiveFloat = 1e-4
    lr_scheduler_type: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"
    ] = "linear"
    warmup_steps: NonNegativeInt = 0
    warmup_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    weight_decay: NonNegativeFloat = 0.0
    max_grad_norm: PositiveFloat | None = 1.0
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    adam_epsilon: PositiveFloat = 1e-8
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    quantization: Literal["none", "8bit", "4bit"] = "none"
    gradient_checkpointing: bool = False
    max_length: PositiveInt = 1024
    too_long: Literal["error", "truncate", "drop"] = "error"
    allow_untrained_end: bool = Field(
        default=False,
        description="train although no example has its end token in the loss; else refused",
    )
    checkpoints: CheckpointsConfig = CheckpointsConfig()

    @field_validator("lora", "poly", mode="before")
    @classmethod
    def _goes_with_method(cls, value: Any, info: ValidationInfo) -> Any:
        method = info.data.get("method", info.field_name)
        if method != info.field_name:
            raise ValueError(f"{info.field_name} is given, but the method is {method}")
        return value

    @model_serializer(mode="wrap")
    def _only_its_method(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the other method's keys out, since they could not be read again."""
        others = {"lora", "poly"} - {self.method}
        return {key: value for key, value in handler(self).items() if key not in others}

    @property
    def adapter(self) -> str:
        """The kind of adapter and its size, for people."""
        if self.method == "lora":
            return f"LoRA r={self.lora.r} alpha={self.lora.lora_alpha:g}"
        poly = self.poly
        if poly.n_splits == 1:
            return f"Poly r={poly.r}, {poly.n_skills} skills"
        return f"MHR r={poly.r}, {poly.n_skills} skills, {poly.n_splits} splits"

    @model_validator(mode="after")
    def _length(self) -> TrainingConfig:
        if (self.num_train_epochs is None) == (self.max_steps is None):
            raise ValueError("give either num_train_epochs or max_steps")
        return self


class Variant(Context):
    """A prompt context at sampling time. `values` spreads it: one variant for each value.

    `{value}` in system, prefix or wrap is replaced; the variants are named
    `<name>-<value>`.
    """

    values: tuple[str | int | float, ...] | None = None


class DuringTraining(Model):
    """What is drawn from every checkpoint while a run trains, for a curve over its steps."""

    questions: tuple[str, ...] | None = Field(
        default=None, description="names of questions; all when absent"
    )
    n: PositiveInt = Field(default=10, description="samples of each prompt at each checkpoint")


class SamplingConfig(Model):
    """How completions are drawn."""

    n: PositiveInt = Field(
        default=100, validation_alias=AliasChoices("n", "samples_per_paraphrase")
    )
    temperature: NonNegativeFloat = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: PositiveInt = 1024
    stop: tuple[str, ...] = ()
    logprobs: bool = Field(
        default=False, description="store the id and log-probability of every drawn token"
    )
    checkpoints: Literal["final", "all"] = "final"
    variants: dict[str, Variant | None] = {}
    during_training: DuringTraining | None = None


class Question(Model):
    """One item asked of every model, in one or more wordings.

    free_form: answers are drawn. The others are read, without a draw:
    next_token: the `top_logprobs` likeliest first tokens of the answer (llmcomp's).
    logprob: the probabilities of given `continuations`.
    multiple_choice: `options` label -> text, shown as A), B) … at `{options}` or below the question,
        in every order; the probabilities of the letters, averaged over the orders.
    """

    name: str
    type: Literal["free_form", "next_token", "logprob", "multiple_choice"] = "free_form"
    paraphrases: tuple[str, ...] = ()
    messages: tuple[tuple[Message, ...], ...] = ()
    system: str | None = None
    samples_per_paraphrase: PositiveInt | None = None
    variants: tuple[str, ...] | None = Field(
        default=None, description="names of sampling variants; all when absent"
    )
    judges: tuple[str, ...] | None = Field(
        default=None, description="names of rule judges; all of them when absent"
    )
    model_judges: dict[str, str] = Field(
        default={}, description="column -> name of a model judge; kept, not run by this version"
    )
    top_logprobs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="of next_token; 20 when absent"
    )
    continuations: tuple[str, ...] = Field(
        default=(), description="of logprob; put the separating space into the text"
    )
    options: dict[str, str] = Field(default={}, description="of multiple_choice: label -> text")
    topic: str | None = Field(default=None, description="domain, for lexicon judges and tables")
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _wordings(self) -> Question:
        if bool(self.paraphrases) == bool(self.messages):
            raise ValueError("give either paraphrases or messages")
        if self.messages and self.system is not None:
            raise ValueError("system goes with paraphrases; put it into messages")
        return self

    def wordings(self) -> tuple[tuple[Message, ...], ...]:
        """Each paraphrase as messages."""
        if self.messages:
            return self.messages
        system = (Message(role="system", content=self.system),) if self.system is not None else ()
        return tuple((*system, Message(role="user", content=text)) for text in self.paraphrases)


class JudgeSpec(Model):
    """A judge by rule. Which fields a rule reads depends on `type`; see docs/methods.md.

    regex: `labels` maps label -> pattern (searched, in order; first hit wins); `by_topic` gives
        lists of patterns per question topic instead.
    lexicon: `labels` maps label -> list of words or phrases (whole words, a trailing * is a
        prefix wildcard); the label with most hits wins; a tie, or no hit, gives `otherwise`.
        `by_topic` gives a lexicon per question topic instead.
    prefix, exact: `labels` maps label -> list of texts.
    choice: `labels` maps label -> list of option letters or words, as the first word.
    json_field: `field` (dotted) of the first JSON object in the completion; `labels` maps label
        -> list of values; without labels a number is kept as the grade's number.
    """

    name: str
    type: Literal["regex", "lexicon", "prefix", "exact", "choice", "json_field"]
    labels: dict[str, Any] = {}
    by_topic: dict[str, dict[str, tuple[str, ...]]] = {}
    otherwise: str = "unclear"
    case_sensitive: bool = False
    field: str | None = None
    strip: str = " \t\r\n.\"'"
    description: str = ""


class ModelJudge(Model):
    """A judge that is itself a model, as llmcomp defines it: kept with the experiment, not run.

    `prompt` has the slots `{question}` and `{answer}`.
    """

    name: str
    type: Literal["free_form_judge", "rating_judge"] = "free_form_judge"
    model: str
    prompt: str


class Rubric(Model):
    """What a person grades by: versioned labels, their keys, and instructions."""

    name: str
    labels: dict[str, str] = Field(description="label -> key that gives it")
    instructions: str = ""
    judge: str | None = Field(default=None, description="the judge whose labels these are")


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


class Definition(Model):
    """A whole experiment, with its questions, judges and rubrics read in."""

    slug: str
    title: str
    hypothesis: str = ""
    source: Source = Source()
    models: tuple[str, ...]
    chat_template: str | None = None
    arms: dict[str, Arm]
    seeds: Seeds
    training: TrainingConfig
    accelerate: AccelerateConfig = AccelerateConfig()
    backend: Backend = Backend()
    sampling: SamplingConfig = SamplingConfig()
    questions: tuple[Question, ...]
    judges: tuple[JudgeSpec, ...] = ()
    model_judges: tuple[ModelJudge, ...] = ()
    rubrics: tuple[Rubric, ...] = ()
    analysis: Analysis | None = None
    tags: tuple[str, ...] = ()
