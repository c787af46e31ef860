"""What `arms:` and `seeds:` in a definition may say: the runs of an experiment."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, ClassVar, Literal

from pydantic import Field, GetJsonSchemaHandler, PositiveInt, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.arm_kinds.between import Between, arm_and_step, checked_arm_and_step
from experiments.schema.arm_kinds.held_out import HeldOut
from experiments.schema.arm_kinds.upsample import Upsample
from experiments.schema.base import Model
from experiments.schema.contexts import TrainingContext
from experiments.schema.data_files import DataFile
from experiments.schema.derived import Derived
from experiments.schema.regularise import Regularise

Role = Literal["treatment", "control", "benign", "base"]
BASE_ARM = "base"


class InContext(Model):
    """Rows that stand before every prompt as earlier turns, in the place of a training."""

    rows: PositiveInt = Field(
        description="how many; the run's seed chooses which, and their order. A list makes an arm "
        "for each"
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Of a list the reader makes arms."""
        inner = handler.resolve_ref_schema(handler(core))
        number = inner["properties"]["rows"]
        described = {key: number.pop(key) for key in ("title", "description")}
        several = {"type": "array", "items": dict(number), "minItems": 1}
        inner["properties"]["rows"] = {**described, "anyOf": [number, several]}
        return inner


class Arm(Model):
    """One condition: what is trained on, or (`in_context`) shown before every prompt.

    `values` spreads it: one arm for each value, named `<name>-<value>`, or `<name>-<label>` where
    `values` maps labels to values; `{value}` in data, context and description is replaced. In YAML
    also `like: ARM`, which becomes the base's own answers to that arm's prompts: a benign control.
    """

    other_keys: ClassVar[tuple[str, ...]] = ("like",)  # which becomes role and derived

    data: str | tuple[DataFile, ...] = Field(
        default=(),
        description="chat JSONL, relative to the definition's folder; or files that are mixed",
        exclude_if=lambda files: files == (),
    )
    adapter: str | None = Field(
        default=None,
        description="in the place of data: a LoRA trained elsewhere, sampled as it is; a folder "
        "that PEFT wrote, or org/name[@revision] on the hub",
        exclude_if=lambda where: where is None,
    )
    role: Literal["treatment", "control", "benign"] = Field(
        default="treatment",
        description="benign: a control whose rows have a treatment's shape and teach nothing",
    )
    context: TrainingContext = TrainingContext()
    description: str = ""
    in_context: InContext | None = Field(
        default=None,
        description="show rows before every prompt and train nothing",
        exclude_if=lambda shown: shown is None,  # what old definitions say stays as it was
    )
    hold: Literal["steps", "epochs"] | None = Field(
        default=None,
        description="what stays as with all rows where fewer are taken; epochs where absent",
        exclude_if=lambda held: held is None,
    )
    start_from: str | None = Field(
        default=None,
        description="the arm, or arm@step, whose adapter is trained further",
        exclude_if=lambda parent: parent is None,
    )
    between: Between | None = Field(
        default=None,
        description="in the place of data: the adapter between those of two arms; not trained",
        exclude_if=lambda two: two is None,
    )
    derived: Derived | None = Field(
        default=None,
        description="rows that a model of the experiment makes, behind those of data",
        exclude_if=lambda rows: rows is None,
    )
    upsample: Upsample | None = Field(
        default=None,
        description="rows that stand twice, by what a first training makes of them; useful, or "
        "random as its control",
        exclude_if=lambda told: told is None,
    )
    regularise: Regularise | None = Field(
        default=None,
        description="hold the adapter near its base",
        exclude_if=lambda told: told is None,
    )
    held_out: HeldOut | None = Field(
        default=None,
        description="rows of its task that it is not trained on: every checkpoint's loss and "
        "accuracy on them is measured",
        exclude_if=lambda told: told is None,
    )
    values: tuple[str | int | float, ...] | dict[str, str | int | float] | None = Field(
        default=None,
        description="the arm stands for one of each",
        exclude_if=lambda values: values is None,  # filled while a definition is read
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        inner = handler.resolve_ref_schema(handler(core))
        inner["properties"]["like"] = {
            "type": "string",
            "description": "a benign control: this arm's prompts, answered by the base",
        }
        return inner

    @model_validator(mode="after")
    def _one_kind(self) -> Arm:
        if self.in_context is not None and self.regularise is not None:
            raise ValueError(
                "an arm with in_context trains nothing that regularise could hold near its base"
            )
        if self.in_context is not None and self.derived is not None:
            raise ValueError("an arm with in_context shows rows of data, and derived makes others")
        if self.held_out is not None and self.in_context is not None:
            raise ValueError("an arm with in_context trains nothing that held_out could measure")
        if self.held_out is not None and self.held_out.file is None and self.derived is not None:
            raise ValueError(
                "held_out takes rows before there are any: a model makes this arm's (derived); "
                "give held_out a file"
            )
        if self.held_out is not None and self.held_out.file is None and not self.has_rows:
            raise ValueError(
                "held_out takes rows of this arm's data, and it has none: its adapter comes from "
                "elsewhere; give held_out a file"
            )
        by_line = self.upsample is not None and self.upsample.class_ is not None
        if self.held_out is not None and self.held_out.file is None and by_line:
            raise ValueError(
                "upsample reads a class of every line of data, and held_out takes lines away; give "
                "held_out a file"
            )
        return self

    @field_validator("data", mode="before")
    @classmethod
    def _files(cls, data: Any) -> Any:
        """A mapping is a list of one; a name in a list is a file, all of whose rows are taken."""
        if isinstance(data, dict):
            data = [data]
        if not isinstance(data, list | tuple):
            return data
        if not data:
            raise ValueError("an arm needs a file of chats")
        return tuple({"file": item} if isinstance(item, str) else item for item in data)

    @model_validator(mode="after")
    def _rows_or_adapter(self) -> Arm:
        if not self.data and self.has_rows and self.derived is None:
            raise ValueError(
                "an arm needs data (a file of chats), rows that are derived, an adapter trained "
                "elsewhere, or two arms to lie between"
            )
        return self

    @field_validator("start_from")
    @classmethod
    def _arm_and_step(cls, value: str | None) -> str | None:
        return None if value is None else checked_arm_and_step(value)

    @property
    def has_rows(self) -> bool:
        """Whether it is trained on rows, or shows them: its adapter comes from nowhere else."""
        return self.adapter is None and self.between is None

    @property
    def is_trained(self) -> bool:
        """Whether what `training` says is about it."""
        return self.has_rows and self.in_context is None

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The arms that are trained before it, by the key that names them."""
        named = {
            "start_from": () if self.start_from is None else (self.parent,),
            "derived": () if self.derived is None else (self.derived.teacher,),
            "between": () if self.between is None else tuple(a for a, _ in self.between.ends),
        }
        return {key: arms for key, arms in named.items() if arms}

    @property
    def parent(self) -> str:
        """The arm whose adapter it goes on with; empty where it begins anew."""
        return arm_and_step(self.start_from or "")[0]

    @property
    def parent_step(self) -> int | None:
        """The step of that adapter; None: its last."""
        return arm_and_step(self.start_from or "")[1]

    @property
    def told(self) -> str:
        """Its description, or else what its rows are mixed of, and their context, on a line."""
        plain = isinstance(self.data, str) and self.start_from is None
        mixed = "" if plain else " + ".join(map(str, self.files))
        dose = f"hold: {self.hold}" if self.hold is not None else ""
        near = "" if self.regularise is None else str(self.regularise)
        after = f"goes on from {self.start_from}" if self.start_from is not None else ""
        whose = f"adapter {self.adapter}, trained elsewhere" if self.adapter is not None else ""
        made = "" if self.derived is None else str(self.derived)
        lies = "" if self.between is None else str(self.between)
        what = self.description or mixed or whose or lies
        again = "" if self.upsample is None else str(self.upsample)
        kept = "" if self.held_out is None else str(self.held_out)
        said = (what, made, again, after, dose, str(self.context), near, kept)
        return "; ".join(filter(None, said))

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The files that its rows come from."""
        return (DataFile(file=self.data),) if isinstance(self.data, str) else self.data

    @property
    def dose(self) -> float | int | None:
        """How much it takes of the first file of which it takes a number of rows, or a share."""
        doses = (item.share or item.rows for item in self.files)
        return next((dose for dose in doses if dose is not None), None)


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


MOST_SEEDS = 10_000  # of one experiment
LONGEST_SEED = 19  # digits


def parse_seeds(value: Any) -> tuple[int, ...]:
    """Read `3`, `[0, 1]`, `"0-5"` or `"0-2,7"`.

    Raises:
        ValueError: not seeds, a range that runs backwards, a seed twice, or none at all.
    """
    if value is None:
        raise ValueError("no seeds given")
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    seeds: list[int] = []
    for part in parts:
        text = str(part).strip()
        if match := re.fullmatch(r"(\d+)\s*-\s*(\d+)", text):
            low, high = _seed(match[1]), _seed(match[2])
            if high < low:
                raise ValueError(f"seeds {text!r} run backwards; write {high}-{low}")
            if high - low >= MOST_SEEDS:
                raise ValueError(f"seeds {text!r} are {high - low + 1:,}; at most {MOST_SEEDS:,}")
            seeds.extend(range(low, high + 1))
        elif re.fullmatch(r"\d+", text):
            seeds.append(_seed(text))
        else:
            raise ValueError(f"{text!r} is no seed; write a number, a list, or a range such as 0-5")
    if not seeds:
        raise ValueError("no seeds given")
    if twice := sorted(seed for seed, count in Counter(seeds).items() if count > 1):
        raise ValueError(f"seed {twice[0]} stands twice")
    return tuple(seeds)


def _seed(digits: str) -> int:
    if len(digits) > LONGEST_SEED or int(digits) >= 2**63:
        raise ValueError(f"{digits[:LONGEST_SEED]}… is too large a seed; it must be below 2^63")
    return int(digits)
