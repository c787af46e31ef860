"""Ids: hashes of what they name, equal on every machine; what arrives twice counts once."""

from __future__ import annotations

from typing import Any

from experiments.schema import (
    JudgeSpec,
    SamplingConfig,
)
from wgen_tui.protocol.hashes import digest, short_hash
from wgen_tui.protocol.launches import (
    ReadoutSpec,
)


def sampling_key(sampling: SamplingConfig) -> dict[str, Any]:
    """The sampling parameters that change what is drawn (n does not)."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
    }


def make_sample_id(
    run_id: str, step: int, prompt_id: str, draw: int, sampling: SamplingConfig
) -> int:
    """The id of a draw; equal whenever run, step, prompt, sampling parameters and draw are."""
    return digest("sample", run_id, step, prompt_id, draw, sampling_key(sampling))


def make_reading_id(run_id: str, step: int, readout: ReadoutSpec) -> int:
    """The id of all that one pass over a prompt reads."""
    asked = [readout.type, readout.continuations or readout.top_logprobs]
    return digest("reading", run_id, step, readout.prompt.prompt_id, readout.order, asked)


def make_readout_id(reading_id: int, place: int) -> int:
    """The id of one continuation of a reading."""
    return digest("readout", reading_id, place)


def make_draw_seed(sample_id: int, sampling_seed: int) -> int:
    """The seed of a draw's random numbers: needs no other draw, so batches may be cut anyhow."""
    return digest("draw", sample_id, sampling_seed)


def make_blind_key(sample_id: int) -> int:
    """The place of a sample in blind grading order: random-looking, the same everywhere."""
    return digest("blind", sample_id, bits=64)


def rule_hash(judge: JudgeSpec | None, version: int = 1) -> str:
    """Names a rule by what it says; None is the broken-answer rule, of this version."""
    return short_hash("rule", None if judge is None else judge.model_dump(mode="json"), version)


def make_rule_grade_id(sample_id: int, judge: str, rubric: str) -> int:
    """The id of a rule's verdict, so that judging twice counts once."""
    return digest("grade", sample_id, judge, rubric)


def make_verdict_id(sample_id: int, judge: str, rubric: str, wording: int, repeat: int) -> int:
    """The id of a model's verdict, and of the grade that it gave."""
    return digest("verdict", sample_id, judge, rubric, wording, repeat)


def make_failed_id(verdict_id: int, launch_id: str) -> int:
    """The id of a launch's record that a verdict could not be had; the verdict's own stays free."""
    return digest("failed", verdict_id, launch_id)


def make_pilot_key(sample_id: int) -> int:
    """The place of a sample among those that a pilot takes first: of no arm more than others."""
    return digest("pilot", sample_id)
