"""A definition's scale as options of a plan.

Promises: what was asked for by hand goes over what the scale says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wgen_tui.errors import UsageError
from wgen_tui.services.suggest import unknown

if TYPE_CHECKING:
    from experiments.schema import Definition
    from experiments.schema.sweeps.scales import Scale
    from wgen_tui.services.planning.plan import Options


def scaled(definition: Definition, options: Options) -> Options:
    """The options, with what their scale says where they say nothing.

    Raises:
        UsageError: the definition has no such scale.
    """
    if options.scale is None:
        return options
    scale = definition.scales.get(options.scale)
    if scale is None:
        raise _unknown(definition, options.scale)
    seeds = None if scale.seeds is None else ",".join(map(str, scale.seeds.values))
    return replace(
        options,
        models=options.models or scale.models,
        arms=scale.arms if options.arms is None else options.arms,
        seeds=seeds if options.seeds is None else options.seeds,
        n=scale.n if options.n is None else options.n,
        checkpoints=options.checkpoints or scale.checkpoints,
    )


def described(scale: Scale) -> str:
    """What a scale chooses, as the command's options would say it."""
    parts = [f"--model {model}" for model in scale.models or ()]
    if scale.arms is not None:
        parts.append(f"--arms {','.join(scale.arms)}")
    if scale.seeds is not None:
        parts.append(f"--seeds {','.join(map(str, scale.seeds.values))}")
    if scale.n is not None:
        parts.append(f"--n {scale.n}")
    if scale.checkpoints is not None:
        parts.append(f"--checkpoints {scale.checkpoints}")
    return " ".join(parts)


def _unknown(definition: Definition, name: str) -> UsageError:
    if definition.scales:
        return unknown("scale", name, definition.scales)
    return UsageError(
        f"{definition.slug} has no scales.",
        title="No scales",
        hint="Say --model, --seeds and --n, or write in experiment.yaml: "
        f"scales: {{{name}: {{seeds: 0-2, n: 10}}}}",
    )
