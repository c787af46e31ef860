"""What arms hold out, as launches carry it, and what a plan says of it.

Promises: arms that hold nothing out leave no trace in a launch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from experiments.schema import Definition
from wgen_tui.protocol.held_out import HeldOutSet
from wgen_tui.services.experiments.arm_examples import Examples, data_line
from wgen_tui.terminal_text import plural


def held_out_sets(
    definition: Definition, models: Sequence[str], held_out: Mapping[str, Examples]
) -> tuple[HeldOutSet, ...]:
    """The rows that each arm holds out, once for each way in which models mask them."""
    sets: list[HeldOutSet] = []
    for arm, rows in held_out.items():
        chats = tuple(data_line(turns).decode().rstrip("\n") for _, turns in rows.chats())
        alike: dict[str, HeldOutSet] = {}
        for model in models:
            training = definition.training.of(model, arm)
            one = HeldOutSet(arm=arm, models=(model,), training=training, chats=chats)
            before = alike.setdefault(one.set_id, one)
            if before is not one:
                both = (*before.models, model)
                alike[one.set_id] = before.model_copy(update={"models": both})
        sets += alike.values()
    return tuple(sets)


def held_out_notes(sets: Sequence[HeldOutSet], missing: int) -> Iterator[str]:
    """What a plan says of them.

    Args:
        sets: What arms hold out.
        missing: How many rows are yet to be measured, each at each checkpoint.
    """
    arms: dict[int, dict[str, None]] = {}
    for item in sets:
        arms.setdefault(len(item.chats), {})[item.arm] = None
    for count, named in arms.items():
        rows = plural(count, "row")
        yield (
            f"{'arm' if len(named) == 1 else 'arms'} {', '.join(named)}: held_out: {rows} not "
            "trained on; every checkpoint that is kept, and the base, is measured on them"
        )
    if missing:
        yield f"held-out rows to measure, over all checkpoints: {missing:,}"
