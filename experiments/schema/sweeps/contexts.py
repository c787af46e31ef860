"""What `contexts:` in a definition may say: every arm, or every question, in several contexts.

Promises: the names of what it stands for follow from what is written here and nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from experiments.schema.base import NAME, Model

Mode = Literal["prepend", "newline", "system"]


class ContextSweep(Model):
    """Contexts in which arms are trained, or questions asked, beside none.

    Trained, an arm `old` comes with `old-prepend-identity` and so on, each contrasted with `old`;
    asked, a variant comes with `prepend-identity` and so on, each contrasted with it.
    """

    where: Literal["training", "evaluation"] = "training"
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("prepend", "newline", "system")
    texts: Annotated[dict[str, str], Field(min_length=1)] = Field(
        description="name -> text, such as identity: I keep birds."
    )
    arms: tuple[str, ...] | None = Field(
        default=None, description="names of arms; the treatments when absent"
    )

    @field_validator("texts")
    @classmethod
    def _named(cls, texts: dict[str, str]) -> dict[str, str]:
        for name, text in texts.items():
            if not NAME.match(name):
                raise ValueError(f"{name!r} cannot be a context's name")
            if not text.strip():
                raise ValueError(f"the context {name!r} has no text")
        return texts

    @field_validator("modes", mode="before")
    @classmethod
    def _list_of_one(cls, modes: Any) -> Any:
        return (modes,) if isinstance(modes, str) else modes

    def each(self) -> list[tuple[str, str, str]]:
        """Mode, name and text of every context."""
        return [(mode, name, text) for name, text in self.texts.items() for mode in self.modes]


def name_in_context(of: str, mode: str, name: str) -> str:
    """The name of an arm or a variant in a context; of no variant the context's alone."""
    return "-".join((*([of] if of else []), mode, name))
