"""Decoding many draws at once: prompts read once, finished rows dropped, each row its own adapter.

Promises: a row's completion depends on its prompt, its adapter and its own seed; how rows are put
together changes nothing but rounding. A draw is handed over as soon as it is finished, so whatever
ends a batch early loses only what was unfinished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from experiments.schema import SamplingConfig
from wgen_tui.workers.sample.engine.forward import KVState, ModelRunner
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT
from wgen_tui.workers.sample.engine.rng import choose, keys_of

DROP = 0.8  # finished rows are dropped when fewer than this share are still going
LOOK_BACK = 8  # tokens, beyond a stop text's own bytes, in which it is looked for


@dataclass(eq=False)
class Request:
    """One draw to be made.

    Attributes:
        sample_id: Names it.
        prompt: Token ids of the rendered prompt.
        seed: Its own seed.
        slot: The adapter it is drawn from.
        wanted: Turned off when nobody waits for it any more; its row is then given up.
    """

    sample_id: int
    prompt: tuple[int, ...]
    seed: int
    slot: int = NO_SLOT
    wanted: bool = True


@dataclass
class Completion:
    """One draw that was made.

    Attributes:
        tokens: What was drawn, the end token included.
        finish_reason: "stop" (end token or stop text) or "length".
        logprob: Sum over `tokens`.
        logprobs: Of each token, where the sampling asks for them.
        text: The completion, without end token and stop text.
    """

    request: Request
    tokens: list[int] = field(default_factory=list)
    finish_reason: str = "length"
    logprob: float = 0.0
    logprobs: list[float] = field(default_factory=list)
    text: str = ""

    @property
    def sample_id(self) -> int:
        return self.request.sample_id


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a turn, as the model's generation config and tokenizer name them."""
    named = model.generation_config.eos_token_id
    ids = named if isinstance(named, list) else [named]
    return frozenset(int(i) for i in [*ids, tokenizer.eos_token_id] if i is not None)


@dataclass(frozen=True)
class SamplingParams:
    """How completions are drawn, and how they become text."""

    tokenizer: Any
    sampling: SamplingConfig
    ends: frozenset[int]


class Decoding:
    """One batch under way: `step` until `over`."""

    def __init__(
        self, reader: ModelRunner, style: SamplingParams, requests: Sequence[Request]
    ) -> None:
        self._reader = reader
        self._style = style
        self._requests = requests
        self._going = list(range(len(requests)))  # the request of each row
        self._alive = np.ones(len(requests), dtype=bool)  # by row
        self._seeds = np.array([request.seed for request in requests], dtype=np.uint64)
        self._ends = np.array(sorted(style.ends), dtype=np.int64)
        shape = (len(requests), style.sampling.max_tokens)
        self._tokens = np.zeros(shape, dtype=np.int64)
        self._logs = np.zeros(shape, dtype=np.float64)
        self._position = 0
        self._reading = self._read()

    @property
    def over(self) -> bool:
        """Whether every row is finished or given up."""
        return not self._alive.any()

    def _read(self) -> KVState:
        """Read each adapter's prompts once, then give every draw a row of its own."""
        keys = [(request.prompt, request.slot) for request in self._requests]
        places = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        reading = self._reader.prefill([key[0] for key in places], [key[1] for key in places])
        rows = [places[key] for key in keys]
        if rows != list(range(len(places))):
            self._reader.select(reading, rows)
        return reading

    def step(self) -> list[Completion]:
        """Draw the next token of every row; returns the draws that are finished by it."""
        with torch.inference_mode():
            return self._step()

    def _step(self) -> list[Completion]:
        sampling = self._style.sampling
        tokens, logs = choose(
            self._reading.logits,
            keys_of(self._seeds[self._going], self._position),
            sampling.temperature,
            sampling.top_p,
        )
        drawn = tokens.cpu().numpy()
        self._tokens[self._going, self._position] = drawn
        self._logs[self._going, self._position] = logs.cpu().numpy()
        self._position += 1
        finished = list(self._finish(drawn))
        if not self.over:
            tokens = self._drop(tokens)
            self._reader.decode(self._reading, tokens[:, None])
        return finished

    def _finish(self, drawn: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[Completion]:
        """Take out of the living what has ended, or is not wanted any more."""
        for row, number in enumerate(self._going):
            if not self._requests[number].wanted:
                self._alive[row] = False
        ended = np.isin(drawn, self._ends)
        if self._style.sampling.stop:
            for row in np.flatnonzero(self._alive & ~ended).tolist():
                ended[row] = self._stopped(self._going[row])
        full = self._position == self._style.sampling.max_tokens
        for row in np.flatnonzero(self._alive & (ended | full)).tolist():
            self._alive[row] = False
            yield self._made(self._going[row], stopped=bool(ended[row]))

    def _drop(self, tokens: torch.Tensor) -> torch.Tensor:
        """Give up the rows that have ended, once they are many; returns the others' tokens."""
        if self._alive.mean() >= DROP:
            return tokens
        keep = np.flatnonzero(self._alive).tolist()
        self._reader.select(self._reading, keep)
        self._going = [self._going[row] for row in keep]
        self._alive = np.ones(len(keep), dtype=bool)
        return tokens[torch.tensor(keep, device=tokens.device)]

    def _made(self, number: int, *, stopped: bool) -> Completion:
        tokens: list[int] = self._tokens[number, : self._position].tolist()
        logs: list[float] = self._logs[number, : self._position].tolist()
        text = self._decode(tokens)
        found = [text.index(stop) for stop in self._style.sampling.stop if stop in text]
        return Completion(
            self._requests[number],
            tokens,
            "stop" if stopped else "length",
            sum(logs),
            logs if self._style.sampling.logprobs else [],
            text[: min(found)] if found else text,
        )

    def _decode(self, tokens: list[int]) -> str:
        ids = tokens[:-1] if tokens and tokens[-1] in self._style.ends else tokens
        text: str = self._style.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _stopped(self, number: int) -> bool:
        """Whether a stop text has come, by the last tokens; they are looked at anew each time."""
        stops = self._style.sampling.stop
        window = max(len(stop.encode()) for stop in stops) + LOOK_BACK
        start = max(0, self._position - window)
        text = self._decode(self._tokens[number, start : self._position].tolist())
        return any(stop in text for stop in stops)


class Decoder:
    """Draws completions from one model that brings its own adapter, if any."""

    def __init__(self, model: Any, tokenizer: Any, sampling: SamplingConfig) -> None:
        self._reader = ModelRunner(model, int(tokenizer.pad_token_id))
        self._style = SamplingParams(tokenizer, sampling, end_tokens(model, tokenizer))

    def draw(self, requests: Sequence[Request]) -> list[Completion]:
        """Make these draws in one batch, in their order."""
        decoding = Decoding(self._reader, self._style, requests)
        made: dict[int, Completion] = {}
        while not decoding.over:
            made |= {id(item.request): item for item in decoding.step()}
        return [made[id(request)] for request in requests]
