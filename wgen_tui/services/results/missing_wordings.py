"""Wordings that the definition has by now, and that runs from before it changed were never asked.

Promises: no sample is read where no definition has changed; runs that the definition does not plan
any more (another training, another arm) are not to be drawn from again, so nothing is said of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pydantic import ValidationError

from experiments.catalogue import definition_hash
from experiments.prompts import render_prompts
from experiments.schema import BASE_ARM, Definition, TrainingConfig
from store.connect import Connection
from store.queries import drawn_wordings, runs_of_other_definitions
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.results.compared import Compared, Note, runs, some


def lacking(
    con: Connection, experiment: str, definition: Definition | None
) -> dict[str, tuple[str, ...]]:
    """What each run that has samples was never asked, by run."""
    if definition is None:
        return {}
    others = runs_of_other_definitions(con, experiment, definition_hash(definition))
    older = [run_id for run_id, *told in others if _still_planned(definition, *told)]
    if not older:
        return {}
    asked = [(item.question, item.paraphrase, item.variant) for item in render_prompts(definition)]
    lacks: dict[str, tuple[str, ...]] = {}
    for run_id, drawn in drawn_wordings(con, older).items():
        lacks[run_id] = tuple(
            f"{question}, wording {wording} (variant {variant})"
            for question, wording, variant in asked
            if (question, wording, variant) not in drawn
        )
    return lacks


def _still_planned(definition: Definition, arm: str, training: str, model: str) -> bool:
    if arm not in definition.arms:
        return arm == BASE_ARM
    if not definition.arms[arm].has_rows:
        return True
    if definition.arms[arm].in_context is not None:  # its rows are shown, whatever is trained
        return True
    try:
        was = TrainingConfig.model_validate_json(training)
    except ValidationError:  # of another version, or none
        return False
    planned = definition.training.of(model, arm)
    if definition.arms[arm].hold == "steps":  # its length follows from the rows
        length = {"max_steps": None, "num_train_epochs": None}
        return was.model_copy(update=length) == planned.model_copy(update=length)
    return was == planned


def notes(compared: Compared) -> Iterable[Note]:
    """Of each set of wordings, the runs that lack it."""
    by_lack: dict[tuple[str, ...], list[RunSpec]] = defaultdict(list)
    for spec in compared.specs:
        if what := compared.lacking.get(spec.run_id):
            by_lack[what].append(spec)
    for what, specs in by_lack.items():
        text = (
            f"{runs(len(specs))} ({compared.listed(specs)}) from before the definition changed "
            f"{'has' if len(specs) == 1 else 'have'} no draw of what it asks by now: {some(what)}; "
            f"`wgen-tui run start {compared.experiment}` draws it"
        )
        ids = [spec.run_id for spec in specs]
        yield Note(kind="missing_wordings", text=text, count=len(what), runs=ids)
