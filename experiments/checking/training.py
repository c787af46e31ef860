"""Whether what `training: {for: […]}` says is about anything, and can be trained so.

Promises: an arm that is not there is an error with the nearest that is; a model that `models:` does
not list may be given on the command line, so it is said and no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.checking.names import unknown
from experiments.schema import Definition
from experiments.schema.training_for import matches
from experiments.suggest import nearest
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
NEAR = 0.8  # names of models that are as much alike are not meant as two


def training_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `training.for`."""
    training = definition.training
    for index, entry in enumerate(training.for_):
        path: KeyPath = ("training", "for", index)
        for name in entry.arms:
            met = [arm for arm in definition.arms if matches((name,), arm)]
            if not met:
                yield unknown((*path, "arms"), "arm", name, definition.arms)
            elif not any(definition.arms[arm].is_trained for arm in met):
                why = f"Nothing is trained in arm {name!r}, so its training cannot differ."
                yield (*path, "arms"), why, "Leave it out."
        if "method" in entry.changes:
            why = "The method is one for all runs of an experiment."
            yield (*path, "method"), why, "Write an experiment of its own."
        other = "lora" if training.method == "poly" else "poly"
        if other in entry.changes:
            why = f"{other} is given, but the method is {training.method}."
            yield (*path, other), why, ""
        for key in ("precision", "quantization"):
            if entry.arms and key in entry.changes:
                why = f"The arms of a model share its base, so {key} is one for all of them."
                yield (*path, key), why, "Say it for models, without arms."
        if entry.arms and training.method == "poly":
            why = "Method poly trains all arms as one, so they cannot differ."
            yield (*path, "arms"), why, "Leave it out: models may differ."


def training_notes(definition: Definition) -> list[str]:
    """What is allowed but may be a mistake: entries that no model meets, a warm-up without end."""
    training = definition.training
    models = [*definition.models, *(m for s in definition.scales.values() for m in s.models or ())]
    notes = []
    if training.max_steps is not None and training.warmup_steps >= training.max_steps:
        notes.append(
            f"training.warmup_steps {training.warmup_steps} with max_steps {training.max_steps}: "
            "the learning rate never reaches its value"
        )
    return notes + [
        f"training.for[{index}] is about {', '.join(idle)}, which models does not list"
        f"{_near(idle[0], models)}: it counts with run start --model"
        for index, entry in enumerate(definition.training.for_)
        if (idle := [name for name in entry.models if not _met(name, models)])
    ]


def _met(name: str, models: Sequence[str]) -> bool:
    return any(matches((name,), model) for model in models)


def _near(name: str, models: Sequence[str]) -> str:
    """The model that a name is almost that of, in brackets."""
    close = nearest(name, models, NEAR)
    return "" if close is None else f" (did you mean {close}?)"
