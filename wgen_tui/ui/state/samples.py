"""Samples as rows, and one sample in full.

Promises: whatever a model wrote passes through `terminal_text.printable` here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.answers import matches
from wgen_tui.ui.state.answers.verdicts import transcript_text, verdicts
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, DIM, Cell, Span

if TYPE_CHECKING:
    from store.samples.facets import Facets
    from store.samples.rows import SampleDetail, SampleRow

BOOKMARK, BOOKMARKED, NOTED = "bookmark", "◈", "¶"
SHOWN = 400
DISPUTED = "≠"  # behind a label that another model of the judge did not give


def said(row: SampleRow, patterns: Sequence[re.Pattern[str]] = ()) -> Cell:
    """The completion, behind what people said of it; what was looked for is marked."""
    tags = [one_line(text, 40) for text in signs(row)]
    before = "".join(f"{text} " for text in tags)
    spans = (Span(0, len(before) - 1, f"{BOLD} {ACTIVE}"),) if before else ()
    text = before + one_line(row.completion[:SHOWN], SHOWN)
    return Cell(text, spans=(*spans, *matches.spans(text, patterns, len(before))))


def signs(row: SampleRow) -> list[str]:
    """A sign for a bookmark and for a note, and every tag."""
    marks = [BOOKMARKED] if BOOKMARK in row.tags else []
    marks += [NOTED] if row.notes else []
    marks += [f"#{tag}" for tag in row.tags if tag != BOOKMARK]
    # Of a row that stands for several samples, those that some of them have.
    some = {tag: n for tag, n in getattr(row, "tagged", {}).items() if tag not in row.tags}
    return marks + [
        f"{BOOKMARKED if tag == BOOKMARK else f'#{tag}'}×{number:,}" for tag, number in some.items()
    ]


def grade(row: SampleRow) -> Cell:
    """The labels in one cell; a broken answer is marked first."""
    given = (
        f"{label}{DISPUTED if judge in row.disputed else ''}"
        for judge, label in row.labels.items()
        if judge != "broken"
    )
    labels = list(dict.fromkeys(given))  # judges that agree say it once
    labels += [f"{judge}={number:.3g}" for judge, number in row.numbers.items()]
    if row.broken:
        return Cell(one_line(" ".join(["✗broken", *labels]), 40), BAD)
    return Cell(one_line(" ".join(labels), 40), "" if labels else DIM)


def detail(
    sample: SampleDetail,
    completion: Text | None = None,
    patterns: Sequence[re.Pattern[str]] = (),
    several: Sequence[str] = (),
    of: str = "",
) -> Text:
    """The prompt, the completion, its sampling parameters and every grade.

    Args:
        sample: The sample.
        completion: What stands in the completion's place.
        patterns: What is marked in the completion.
        several: Of `experiment` and `model`, those of which others are listed beside it.
        of: Of how many samples that say the same it is the first.
    """
    row = sample.row
    text = Text(f"{of}\n" if of else "", BOLD)
    variant = "" if row.variant == "none" else f" · variant {row.variant}"
    whose = "".join(f"{getattr(row, name)} · " for name in several)
    text.append(
        printable(f"{whose}{row.arm} · seed {row.seed} · step {row.step} · {row.question}"), BOLD
    )
    text.append(printable(f" · paraphrase {row.paraphrase}{variant} · draw {row.draw}\n"))
    if row.tags:
        shown = [f"{BOOKMARKED} {t}" if t == BOOKMARK else f"#{t}" for t in row.tags]
        text.append(f"{printable(' '.join(shown))}\n", f"{BOLD} {ACTIVE}")
    for author, note in row.notes.items():
        text.append(f"{NOTED} {printable(author)}: ", f"{BOLD} {ACTIVE}")
        text.append(f"{printable(note)}\n")
    for message in sample.messages:
        text.append(f"\n{printable(message['role'])}\n", DIM)
        text.append(f"{printable(message['content'])}\n")
    if sample.reasoning:
        text.append("\nreasoning, which is no part of the completion\n", DIM)
        text.append(f"{printable(sample.reasoning)}\n")
    text.append("\ncompletion\n", DIM)
    if completion is not None:
        text.append_text(completion)
    else:
        own = Text(f"{printable(row.completion)}\n" if row.completion else "(empty)\n", BOLD)
        for first, end, style in matches.spans(own.plain, patterns):
            own.stylize(f"{style} {ACTIVE}", first, end)
        text.append_text(own)
    text.append("\ngrades\n", DIM)
    text.append_text(verdicts(sample.grades))
    for item in sample.grades:
        if item.transcript is not None:
            text.append(printable(f"\nasked of {item.judge} ({item.grader})\n"), DIM)
            text.append(printable(transcript_text(item.transcript)))
    text.append("\ndrawn\n", DIM)
    text.append(printable(_sampling_lines(sample)))
    text.append("\nprompt as the model read it\n", DIM)
    text.append(printable(sample.prompt_text) or "through the template of its server")
    return text


def _sampling_lines(sample: SampleDetail) -> str:
    row = sample.row
    sampling = " ".join(f"{key}={json.dumps(value)}" for key, value in sample.sampling.items())
    logprob = "" if sample.logprob is None else f", log-probability {sample.logprob:.2f}"
    when = "" if sample.created_at is None else f"{sample.created_at:%Y-%m-%d %H:%M} "
    return (
        f"{sampling}\nfinish {row.finish_reason or show.MISSING}, "
        f"{show.count(row.tokens)} tokens{logprob}\n"
        f"{when}{sample.engine}\nrun {row.run_id}\n"
        f"sample {row.sample_id} · seed {sample.draw_seed}\n"
    )


def as_text(sample: SampleDetail) -> str:
    """What `y` copies: the prompt's messages and the completion."""
    parts = [f"{m['role']}: {m['content']}" for m in sample.messages]
    return "\n\n".join([*parts, f"assistant: {sample.row.completion}"])


def facet_lines(facets: Facets, most: int = 6) -> list[tuple[str, str]]:
    """For each field that has a choice: its key, and its commonest values with their counts."""
    fields = (
        ("experiment", facets.experiments),
        ("model", facets.models),
        ("arm", facets.arms),
        ("seed", facets.seeds),
        ("step", facets.steps),
        ("question", facets.questions),
        ("variant", facets.variants),
        ("label", [(f"{judge}:{label}", n) for judge, label, n in facets.labels]),
        ("tag", facets.tags),
    )
    lines = []
    for key, values in fields:
        if len(values) < (1 if key == "tag" else 2):
            continue
        shown = "  ".join(printable(f"{value} {n:,}") for value, n in values[:most])
        more = f"  +{len(values) - most}" if len(values) > most else ""
        lines.append((key, shown + more))
    return lines
