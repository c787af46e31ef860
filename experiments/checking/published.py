"""Published figures that stand for nothing here: of an arm, measure or question that there is not.

Promises: a finding names the key to change.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.checking.names import Finding, unknown
from experiments.prompts import spread_labels
from experiments.schema import BASE_ARM, Definition


def published_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `published`."""
    plan = definition.analysis
    if definition.published and plan is None:
        hint = "analysis: {primary: {judge: NAME, label: LABEL}}"
        yield ("published",), "A figure is of a measure, and there is no analysis.", hint
        return
    measures = [] if plan is None else list(dict.fromkeys([*plan.primaries, *plan.measures]))
    known = {
        "arm": [*definition.arms, BASE_ARM],
        "measure": measures,
        "question": [question.name for question in definition.questions],
        "variant": list(spread_labels(definition.sampling)),
    }
    for index, item in enumerate(definition.published):
        for key, names in known.items():
            name = getattr(item, key)
            if name is not None and name not in names:
                yield unknown(("published", index, key), key, name, names)
