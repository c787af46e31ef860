"""What a definition's models make of its data, as far as `validate` looks.

Promises: what `run start` would refuse for its tokens is refused here too, by the same lines of
code, for every model whose tokenizer is on this machine; the first rows of an arm stand for it, and
it is said where there are more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.schema import Definition
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.experiments.data_checks import check_tokens
from wgen_tui.services.models.local_tokenizer import local_tokenizer
from wgen_tui.services.models.resolve import resolve_model
from wgen_tui.training_data.mask_version import MASK_VERSION
from wgen_tui.training_data.texts import Numbered

ROWS = 1000  # of an arm; a second's work or two


def token_notes(
    home: Home, definition: Definition, arms: Mapping[str, Sequence[Numbered]], name: str
) -> list[str]:
    """Check masks, ends, lengths and dropped text for each model that is here.

    Args:
        home: Whose models.
        definition: The experiment.
        arms: All rows by arm, in the arm's context.
        name: What the user called the experiment.

    Raises:
        UsageError: `run start` would refuse.
    """
    heads = {arm: rows[:ROWS] for arm, rows in arms.items()}
    notes = []
    for given in definition.models:
        model = _here(home, given, definition.chat_template)
        if model is None:
            continue
        notes += check_tokens(
            definition, model, heads, name, to_train=heads, mask_version=lambda: MASK_VERSION
        )
        notes += [
            f"arm {arm}: the tokenizer of {given} was tried on the first {ROWS} of {len(rows)} "
            "examples; preview and run start try all"
            for arm, rows in arms.items()
            if len(rows) > ROWS
        ]
    return notes


def _here(home: Home, name: str, chat_template: str | None) -> ModelRef | None:
    """A model, if its tokenizer is on this machine; what else is wrong with it, a plan says."""
    try:
        model = resolve_model(home, name)
    except UsageError:
        return None
    local = model.endpoint is None and local_tokenizer(model, chat_template) is not None
    return model if local else None
