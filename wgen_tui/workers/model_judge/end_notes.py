"""What a person should know when a run's verdicts are in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from wgen_tui.run_files.verdict_writer import Asking, VerdictWriter
from wgen_tui.workers.endpoint.refusals import Refusals
from wgen_tui.workers.endpoint.usage import Usage


def end_notes(
    writer: VerdictWriter, usage: Usage, refusals: Sequence[Refusals[Asking]]
) -> Iterator[str]:
    """Sentences on what was asked, read again, missing and refused.

    Args:
        writer: Wrote the verdicts.
        usage: What the answers took.
        refusals: Of each judge, over the launch so far.
    """
    if writer.cached:
        yield f"{writer.cached:,} verdicts were read from replies that were there"
    if usage.answers:
        yield f"{usage.answers:,} answers of {usage.endpoint.name}: {usage}"
    if usage.only_reasoning:
        yield (
            f"{usage.only_reasoning:,} of {usage.answers:,} answers are empty: the server spent "
            "all tokens on reasoning; raise the judge's max_tokens"
        )
    if writer.causes:
        told = ", ".join(f"{number:,} {cause}" for cause, number in writer.causes.most_common())
        yield f"{writer.causes.total():,} of {writer.total:,} verdicts are missing: {told}"
    if writer.causes["cut"]:
        yield "a verdict that is cut may need a higher max_tokens of the judge"
    reasons: Counter[str] = Counter()
    for refused in refusals:
        reasons.update(refused.counts)
        refused.counts.clear()
    for reason, number in reasons.most_common():
        yield f"{number:,} prompts were refused: {reason}"
