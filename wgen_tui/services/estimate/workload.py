"""How much work a launch has left, from its runs' files: lengths of examples, draws, bytes on disk.

Promises: no tokenizer is loaded: lengths are counted in bytes, at `BYTES_PER_TOKEN`; runs that are
gone or unreadable count for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.schema import TrainingConfig
from wgen_tui.paths import Home, RunPaths
from wgen_tui.plain_files import open_plain
from wgen_tui.protocol.launches import JudgeStage, LaunchSpec, SampleStage
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import checkpoints, final_checkpoint
from wgen_tui.run_files.model_place import located_run
from wgen_tui.run_files.part_names import bytes_of_parts
from wgen_tui.run_files.steps import kept_steps, steps_to_sample, total_steps
from wgen_tui.services.estimate.formulas import Adapters
from wgen_tui.services.models.architecture import ModelDims, target_modules

# Measured on the bundled experiments with the embedded model's tokenizer: 3.5 to 3.9; those with
# larger vocabularies have more on English. Fewer here, so that lengths come out rather too long.
BYTES_PER_TOKEN = 3.0
TURN_TOKENS = 8  # a chat template's own, for each message; a judgment

# On disk, each a little above what one run of 50 steps and 1,000 short samples on the embedded
# model took: 323 bytes of a sample in memory, 30 of them text, at 3 bytes per token; 373 of a
# grade; 232 of a step's metrics; 27 kB of a checkpoint beside its adapter (the probe of a larger
# vocabulary has 49 kB). Parts are compressed, to 49 bytes per sample in a large one; that is not
# counted on.
SAMPLE_BYTES = 320  # without the completion
PART_BYTES = 49
BYTES_PER_DRAWN_TOKEN = 4
LOGPROB_BYTES = 8  # per drawn token: its id and its log-probability, as store/schema.py has them
GRADE_BYTES = 400
METRIC_BYTES = 250
HELD_OUT_BYTES = 240  # without the chat
COPIES = 2  # part files and the database; a judgment
CHECKPOINT_BYTES = 64_000  # configuration, probe and manifest


@dataclass(frozen=True, slots=True)
class LongestExample:
    """The largest example of a training, in tokens: all of it, and what of it is trained."""

    tokens: int
    labels: int


def read_runs(home: Home, spec: LaunchSpec) -> list[RunSpec]:
    """The runs of a launch that can be read."""
    specs = []
    for run_id in spec.run_ids:
        try:
            run = read_record(home.run(run_id).spec, RunSpec)
        except Unreadable:
            continue
        specs += [] if run is None else [located_run(home, run)]
    return specs


def untrained(home: Home, specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Those that are to be trained and are not yet."""
    return [
        spec
        for spec in specs
        if spec.training is not None
        and final_checkpoint(home.run(spec.run_id), skip_refused=True) is None
    ]


def longest_example(
    run: RunPaths, training: TrainingConfig, answer: int | None = None
) -> LongestExample:
    """The largest row that goes through the model; all of `max_length` where it cannot be read.

    `answer` is how many tokens an answer may have that is yet to become a row.
    """
    try:
        files = [run.data, *([run.regularise] if run.regularise.exists() else [])]
        stamps = [(str(path), path.stat()) for path in files]
        sizes = [_longest(path, stamp.st_mtime_ns, stamp.st_size) for path, stamp in stamps]
        if answer is not None and not run.derived.exists():
            sizes.append((_longest_asked(run.asked) + answer, answer))
        tokens, labels = max(sizes)
    except (OSError, ValueError, TypeError, KeyError):
        tokens = labels = training.max_length
    tokens = min(tokens, training.max_length)
    return LongestExample(tokens, min(labels, tokens))


def _longest_asked(path: Path) -> int:
    """Tokens of the longest prompt that is to be answered for a row."""
    with open_plain(path) as stream:
        chats = [json.loads(line)["said"] for line in stream]
    return max(sum(tokens_of(turn["content"]) for turn in chat) for chat in chats)


@lru_cache(maxsize=512)
def _longest(path: str, _stamp: int, _size: int) -> tuple[int, int]:
    """Tokens of the longest chat of a file, and those of the assistant in it."""
    with open_plain(Path(path)) as stream:
        return longest_line(stream)


def longest_line(lines: Iterable[bytes]) -> tuple[int, int]:
    """Tokens of the longest chat of a data.jsonl, and those of the assistant in it."""
    most = (1, 1)
    for line in lines:
        turns = json.loads(line)["messages"]
        sizes = [tokens_of(_said(turn)) for turn in turns]
        own = [n for n, turn in zip(sizes, turns, strict=True) if turn["role"] == "assistant"]
        most = max(most, (sum(sizes), sum(own)))
    return most


def _said(turn: dict[str, Any]) -> str:
    """All that a template may write of a turn."""
    calls = turn.get("tool_calls")
    texts = [turn["content"], turn.get("reasoning_content", ""), json.dumps(calls) if calls else ""]
    return " ".join(text for text in texts if text)


def tokens_of(text: str) -> int:
    """About how many tokens a turn with this text has; rather too many."""
    return int(len(text.encode()) / BYTES_PER_TOKEN) + TURN_TOKENS


def prompt_tokens(stage: SampleStage) -> int:
    """Tokens of the longest prompt, a read continuation with it."""
    prompts = [(prompt, "") for prompt in stage.prompts]
    prompts += [
        (item.prompt, max((text for _, text in item.continuations), key=len, default=""))
        for item in stage.readouts
    ]
    sizes = [
        sum(tokens_of(turn.content) for turn in prompt.messages) + tokens_of(more)
        for prompt, more in prompts
    ]
    return max(sizes, default=1)


def shown_tokens(run: RunPaths) -> int:
    """Tokens of the rows that a run shows before every prompt; none where they cannot be read."""
    try:
        with open_plain(run.data) as stream:
            chats = [json.loads(line)["messages"] for line in stream]
    except (OSError, ValueError, TypeError, KeyError):
        return 0
    return sum(tokens_of(_said(turn)) for chat in chats for turn in chat)


def draws(stage: SampleStage) -> int:
    """Draws of one checkpoint."""
    return sum(stage.draws(prompt) for prompt in stage.prompts)


def adapters_of(dims: ModelDims, training: TrainingConfig) -> Adapters:
    """What a training puts on its base."""
    if training.method == "poly":
        poly = training.poly
        return Adapters(target_modules(dims, poly.target_modules, None), poly.r, poly.n_skills)
    lora = training.lora
    return Adapters(target_modules(dims, lora.target_modules, lora.layers_to_transform), lora.r)


def checkpoints_to_sample(home: Home, spec: RunSpec, stage: SampleStage) -> int:
    """How many checkpoints of a run are drawn from."""
    kept = checkpoints(home.run(spec.run_id), skip_refused=True)
    return len(steps_to_sample(kept, stage, spec.training, spec.trained_rows))


def train_disk_bytes(dims: ModelDims | None, spec: RunSpec, during: SampleStage | None) -> int:
    """What training a run writes: checkpoints, states to resume from (two at a time), metrics."""
    training = spec.training
    if training is None:
        return 0
    steps = total_steps(training, spec.trained_rows)
    kept = len(training.checkpoints.steps(steps))
    adapter = 4 * adapters_of(dims, training).width if dims is not None else 0
    drawn = 0 if during is None else kept * sample_disk_bytes(during)
    return kept * (adapter + CHECKPOINT_BYTES) + 2 * 3 * adapter + steps * METRIC_BYTES + drawn


def sample_disk_bytes(stage: SampleStage) -> int:
    """What the samples of one checkpoint take at most: every completion as long as it may be."""
    a_token = BYTES_PER_DRAWN_TOKEN + (LOGPROB_BYTES if stage.sampling.logprobs else 0)
    drawn = sum(
        stage.draws(prompt) * (SAMPLE_BYTES + a_token * stage.sampling_of(prompt).max_tokens)
        for prompt in stage.prompts
    )
    rows = sum(max(1, len(i.continuations) or i.top_logprobs) for i in stage.readouts)
    return COPIES * (drawn + rows * SAMPLE_BYTES)


def held_out_rows(stage: SampleStage, spec: RunSpec) -> int:
    """On how many held-out rows each checkpoint of a run is measured."""
    return sum(len(held_out.chats) for held_out in stage.held_out if held_out.of(spec))


def held_out_disk_bytes(stage: SampleStage, spec: RunSpec) -> int:
    """What these take of one checkpoint."""
    chats = [chat for item in stage.held_out if item.of(spec) for chat in item.chats]
    return COPIES * sum(HELD_OUT_BYTES + len(chat.encode()) for chat in chats)


def kept_checkpoints(home: Home, spec: RunSpec) -> int:
    """How many checkpoints a run keeps, or will keep; step 0 of the base is one."""
    kept = checkpoints(home.run(spec.run_id), skip_refused=True)
    return len(kept_steps(kept, spec.training, spec.trained_rows))


def checkpoints_to_load(home: Home, spec: RunSpec, stage: SampleStage) -> int:
    """How many checkpoints of a run are drawn from, read or measured."""
    if held_out_rows(stage, spec):
        return kept_checkpoints(home, spec)
    return checkpoints_to_sample(home, spec, stage)


def longest_held_out(stage: SampleStage) -> int:
    """Tokens of the longest held-out row; none where there are none."""
    lines = [chat.encode() for item in stage.held_out for chat in item.chats]
    return longest_line(lines)[0] if lines else 0


def judge_disk_bytes(home: Home, spec: RunSpec, stage: JudgeStage) -> int:
    """What the verdicts on a run's samples take, by the samples' own size on disk."""
    size = bytes_of_parts(home.run(spec.run_id).samples)
    rules = len(stage.judges) + bool(stage.correct) + 1  # the broken rule
    return COPIES * rules * (size // PART_BYTES) * GRADE_BYTES
