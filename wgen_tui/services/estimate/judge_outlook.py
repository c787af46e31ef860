"""How long judges that are models will take and what they will cost, as earlier launches tell.

Promises: nothing is invented: a rate and lengths of replies are those of launches that asked the
same judges (else, and said so, of the same model in the same way), and unknown where there are
none. Few files are read, however many verdicts a home has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from wgen_tui.judging.decoding import REPLY_TOKENS
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.run_files.inventory import read_part
from wgen_tui.run_files.part_names import each_part
from wgen_tui.services.estimate.judging import cost_of
from wgen_tui.services.judges.asked_before import AskedBefore, AskedLaunch, AskedModel, asked_model
from wgen_tui.services.runs.launch_events import LaunchEvents

MOST_LAUNCHES = 8  # that are looked at, newest first
ENOUGH_REPLIES = 500  # of a judge; more would not change a mean much


@dataclass(frozen=True, slots=True)
class Lengths:
    """Mean tokens of a judge's prompts and replies.

    Attributes:
        replies: How many they are of.
    """

    prompt: float
    reply: float
    replies: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What so many verdicts of a panel will take.

    Attributes:
        rate: Verdicts a second; None: unknown.
        measured_by: The launch that had that rate.
        same_judges: Whether it asked the same judges, not only the same model.
        seconds: At that rate.
        lengths: What prompts and replies of each judge had, where there are any.
        cost: At those lengths; None where one of them is not known, or no price.
        most: What they cost at most; None without a price.
        assumes: What `most` takes for the lengths.
    """

    rate: float | None = None
    measured_by: str | None = None
    same_judges: bool = True
    seconds: float | None = None
    lengths: dict[str, Lengths] = field(default_factory=dict)
    cost: float | None = None
    most: float | None = None
    assumes: str = ""


def outlook(
    home: Home, before: AskedBefore, panel: Panel, verdicts: int, answer_tokens: int
) -> Outlook:
    """What a panel's verdicts will take.

    Args:
        home: Where earlier launches are.
        before: Those that asked judges.
        panel: Who is asked.
        verdicts: How many verdicts are missing.
        answer_tokens: Of the longest answer that is judged.
    """
    rate, launch, same = None, None, True
    for candidate, same_judges in _like(before, panel):
        rate = _rate(home, candidate.launch_id)
        if rate is not None:
            launch, same = candidate.launch_id, same_judges
            break
    lengths = _lengths(home, before, panel.judges)
    return Outlook(
        rate=rate,
        measured_by=launch,
        same_judges=same,
        seconds=None if rate is None else verdicts / rate,
        lengths={
            item.judge.name: lengths[item.asker] for item in panel.judges if item.asker in lengths
        },
        cost=_cost(panel, verdicts, lengths),
        most=cost_of(panel, verdicts, answer_tokens),
        assumes=_assumes(panel, answer_tokens),
    )


def _like(before: AskedBefore, panel: Panel) -> Iterator[tuple[AskedLaunch, bool]]:
    """Launches that asked the same judges, then those that asked the same model alike."""
    models = [asked_model(item) for item in panel.judges]
    yield from ((item, True) for item in islice(before.by(m.asker for m in models), MOST_LAUNCHES))
    wanted = {_kind(model) for model in models}
    alike = (
        (item, False)
        for item in reversed(before.launches)
        if item.models and {_kind(model) for model in item.models} <= wanted
    )
    yield from islice(alike, MOST_LAUNCHES)


def _kind(model: AskedModel) -> AskedModel:
    """Whom it asks, whatever it asks."""
    return model.model_copy(update={"asker": ""})


def _rate(home: Home, launch_id: str) -> float | None:
    """Verdicts a second over all runs of a launch."""
    events = LaunchEvents(home.launch(launch_id).events)
    events.read(attempt=1)
    last = [seen.last for seen in events.progress.values() if seen.last is not None]
    told = [(event.done, event.rate) for event in last if event.done and event.rate]
    seconds = sum(done / rate for done, rate in told)
    return sum(done for done, _ in told) / seconds if seconds else None


def _lengths(home: Home, before: AskedBefore, judges: Sequence[AskedJudge]) -> dict[str, Lengths]:
    """What the newest replies of each judge had, by asker."""
    wanted = {item.asker for item in judges}
    told: dict[str, list[tuple[int, int]]] = defaultdict(list)
    launches = (
        item
        for item in reversed(before.launches)
        if wanted & {model.asker for model in item.models}
    )
    for launch in islice(launches, MOST_LAUNCHES):
        if all(len(told[asker]) >= ENOUGH_REPLIES for asker in wanted):
            break
        for asker, prompt, reply in _replies(home, launch.launch_id):
            if asker in wanted and len(told[asker]) < ENOUGH_REPLIES:
                told[asker].append((prompt, reply))
    return {
        asker: Lengths(
            prompt=sum(prompt for prompt, _ in pairs) / len(pairs),
            reply=sum(reply for _, reply in pairs) / len(pairs),
            replies=len(pairs),
        )
        for asker, pairs in told.items()
        if pairs
    }


def _replies(home: Home, launch_id: str) -> Iterator[tuple[str, int, int]]:
    """Asker, tokens of the prompt and of the reply, of a launch's verdicts: one part at a time."""
    try:
        spec = read_record(home.launch(launch_id).spec, LaunchSpec)
    except Unreadable:
        return
    for run_id in spec.run_ids if spec is not None else ():
        for part in each_part(home.run(run_id).verdicts, f"part-{launch_id}-*.parquet"):
            for asker, prompt, reply in read_part(part, ("asker", "prompt_tokens", "tokens")):
                if prompt is not None and reply is not None:
                    yield asker, prompt, reply


def _cost(panel: Panel, verdicts: int, lengths: dict[str, Lengths]) -> float | None:
    at = panel.judges[0].model.endpoint
    known = [lengths.get(item.asker) for item in panel.judges]
    if at is None or (at.price_in, at.price_out) == (None, None) or None in known:
        return None
    each = [
        told.prompt * (at.price_in or 0) + told.reply * (at.price_out or 0)
        for told in known
        if told is not None
    ]
    return verdicts * sum(each) / len(each) / 1e6


def _assumes(panel: Panel, answer_tokens: int) -> str:
    said = f"answers of {answer_tokens:,} tokens"
    unset = [
        item.judge.name
        for item in panel.judges
        if not item.judge.by_probability and item.judge.max_tokens is None
    ]
    if unset:
        said += f", replies of {REPLY_TOKENS:,} ({', '.join(unset)} without max_tokens)"
    return said
