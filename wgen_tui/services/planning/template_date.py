"""The one day that a chat template is told, for all runs of an experiment.

Promises: where a template asks the clock, all arms, seeds, the base, later top-ups and
`run verify` render with the same date: the definition's, else the template's own, else the day of
the first plan. Runs that were planned before dates were kept stay as they are, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from experiments.schema import Definition
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef, RunSpec
from wgen_tui.services.models.model_files import template_of
from wgen_tui.services.models.revision import earlier_runs
from wgen_tui.training_data import clock


@dataclass(frozen=True, slots=True)
class DatedTemplate:
    """The template that a model's runs are planned with.

    Attributes:
        text: As `chat_template` of a run: None for the model's own.
        date: The day in it, in ISO form; None where it asks for none.
        note: For people; empty where nothing asks the clock.
    """

    text: str | None
    date: str | None = None
    note: str = ""


def dated_template(home: Home, definition: Definition, model: ModelRef) -> DatedTemplate:
    """Freeze the date of a definition's template, or of its model's own.

    Raises:
        UsageError: it asks the clock in a way that cannot be frozen.
    """
    own = template_of(model, definition.chat_template)
    given = definition.template_date
    if own is None or not clock.asks_clock(own):
        note = "template_date has no effect: the chat template asks for no date" if given else ""
        return DatedTemplate(definition.chat_template, note=note)
    before = list(earlier_runs(home, definition.slug, model))
    dates = sorted({spec.template_date for spec in before if spec.template_date is not None})
    if given is None and not dates and clock.has_own_date(own):
        text = clock.with_own_date(own)
        if not _undated(before, definition):
            return DatedTemplate(text, note="the chat template's own date is used, not today's")
    if given is None and not dates and _undated(before, definition):
        return DatedTemplate(
            definition.chat_template,
            note="the chat template asks the clock, and runs of this experiment were planned "
            "before its date was kept: each rendering has the day it is made on. Copy the "
            "experiment to begin with one date",
        )
    day = given or (date.fromisoformat(dates[0]) if dates else datetime.now(UTC).date())
    note = f"the chat template asks for the date: all runs are told {day.isoformat()}"
    if others := [other for other in dates if other != day.isoformat()]:
        note += f"; there are runs that were told {', '.join(others)}"
    try:
        return DatedTemplate(clock.frozen(own, day), day.isoformat(), note)
    except clock.Unfreezable as error:
        raise UsageError(
            f"The chat template of {model.name} asks the clock in a way that cannot be fixed to "
            "one date.",
            title="Chat template",
            hint="Give a chat_template in experiment.yaml that has the date in its text.",
        ) from error


def _undated(specs: list[RunSpec], definition: Definition) -> bool:
    return any(
        spec.template_date is None and spec.chat_template == definition.chat_template
        for spec in specs
    )
