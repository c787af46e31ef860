"""Decoding a batch of requests token by token: one prefill, then a step for each token of each row.

Promises: a row's completion depends on its prompt, its adapter and its own seed; how rows are
batched changes nothing but rounding. A completion is handed over as soon as it is finished, so
whatever ends a batch early loses only what was unfinished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from experiments.schema import SamplingConfig
from wgen_tui.workers.device.transfer import Download, upload
from wgen_tui.workers.models import padding_id
from wgen_tui.workers.sample.engine.forward import KVState, ModelRunner
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT
from wgen_tui.workers.sample.engine.rng import make_keys, sample_tokens
from wgen_tui.workers.sample.engine.stops import StopTexts

COMPACT_BELOW = 0.8  # finished rows are dropped when fewer than this share still run
COMPACT_GRAPHS_BELOW = 0.5  # with CUDA graphs, which are captured again for fewer rows


@dataclass(eq=False)
class Request:
    """One draw to be made.

    Attributes:
        sample_id: Names it.
        prompt: Token ids of the rendered prompt.
        seed: Its own seed.
        slot: The adapter it is drawn from.
        aborted: Set when nobody waits for it any more; its row is then given up.
        sampling: How it is drawn, where that is not as the engine's others.
    """

    sample_id: int
    prompt: tuple[int, ...]
    seed: int
    slot: int = NO_SLOT
    aborted: bool = False
    sampling: SamplingConfig | None = None


@dataclass
class Completion:
    """What was drawn for one request.

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
    stop_ids: frozenset[int]


class Decoding:
    """One batch under way: call `step` until `done`."""

    def __init__(
        self, runner: ModelRunner, params: SamplingParams, requests: Sequence[Request]
    ) -> None:
        """Prefill the prompts of a batch."""
        self._runner = runner
        self._params = params
        self._requests = requests
        self._stops = StopTexts(params.tokenizer, params.sampling.stop)
        self._ends = params.stop_ids | self._stops.ids
        self._stop_ids = np.array(sorted(self._ends), dtype=np.int64)
        # On a GPU the next token is asked for before this one is looked at, so that it never idles.
        self._ahead = runner.device.type == "cuda"

        # By request; a finished request keeps its line.
        shape = (len(requests), params.sampling.max_tokens)
        self._seeds = np.array([request.seed for request in requests], dtype=np.uint64)
        self._tokens = np.zeros(shape, dtype=np.int64)  # [requests, max_tokens]
        self._logprobs = np.zeros(shape, dtype=np.float64)  # [requests, max_tokens]
        self._position = 0  # tokens drawn of every running request

        # By row of the KV cache; rows of finished requests are compacted away.
        self._row_requests = list(range(len(requests)))
        self._running = np.ones(len(requests), dtype=bool)  # [rows]
        self._state = self._prefill()

    @property
    def done(self) -> bool:
        """Whether every row is finished or given up."""
        return not self._running.any()

    def _prefill(self) -> KVState:
        """Prefill each adapter's prompts once, then give every request a row of its own."""
        keys = [(request.prompt, request.slot) for request in self._requests]
        distinct = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        state = self._runner.prefill([key[0] for key in distinct], [key[1] for key in distinct])
        rows = [distinct[key] for key in keys]
        if rows != list(range(len(distinct))):
            self._runner.select(state, rows)
        return state

    def step(self) -> list[Completion]:
        """Draw the next token of every row; returns the completions that it finishes."""
        with torch.inference_mode():
            return self._step()

    def _step(self) -> list[Completion]:
        # 1. A token for each row, by its request's own random numbers.
        sampling = self._params.sampling
        tokens, logprobs = sample_tokens(  # [rows], [rows]
            self._state.logits,
            make_keys(self._seeds[self._row_requests], self._position),
            sampling.temperature,
            sampling.top_p,
        )

        numbers = Download(tokens, logprobs)
        ahead = self._ahead and self._position + 1 < sampling.max_tokens
        if ahead:
            self._runner.decode(self._state, tokens[:, None])

        # 2. Keep the tokens, on the CPU, and hand over what they finish.
        drawn, drawn_logprobs = numbers.wait()  # the one wait of a step
        self._tokens[self._row_requests, self._position] = drawn
        self._logprobs[self._row_requests, self._position] = drawn_logprobs
        self._position += 1
        finished = list(self._take_finished(drawn))

        # 3. Drop finished rows once they are many, and decode the logits of the next token.
        if not self.done:
            tokens = self._compact(tokens)
            if not ahead:
                self._runner.decode(self._state, tokens[:, None])
        return finished

    def _take_finished(self, drawn: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[Completion]:
        """End the rows that have finished or were aborted; yield what has finished."""
        for row, number in enumerate(self._row_requests):
            if self._requests[number].aborted:
                self._running[row] = False
        stopped = np.isin(drawn, self._stop_ids)  # [rows]
        if self._stops:
            for row in np.flatnonzero(self._running & ~stopped).tolist():
                drawn_so_far = self._tokens[self._row_requests[row], : self._position]
                stopped[row] = self._stops.hit(drawn_so_far)
        full = self._position == self._params.sampling.max_tokens
        for row in np.flatnonzero(self._running & (stopped | full)).tolist():
            self._running[row] = False
            yield self._completion(self._row_requests[row], stopped=bool(stopped[row]))

    def _compact(self, tokens: torch.Tensor) -> torch.Tensor:
        """Drop the rows that have ended, once they are many; returns the others' tokens."""
        # Each time copies the whole KV cache, so a few idle rows are the cheaper way.
        least = COMPACT_GRAPHS_BELOW if self._runner.graphs else COMPACT_BELOW
        if self._running.mean() >= least:
            return tokens
        rows = np.flatnonzero(self._running).tolist()
        self._runner.select(self._state, rows)
        self._row_requests = [self._row_requests[row] for row in rows]
        self._running = np.ones(len(rows), dtype=bool)
        return tokens[upload(torch.tensor(rows), tokens.device)]

    def _completion(self, number: int, *, stopped: bool) -> Completion:
        tokens: list[int] = self._tokens[number, : self._position].tolist()
        logprobs: list[float] = self._logprobs[number, : self._position].tolist()
        return Completion(
            self._requests[number],
            tokens,
            "stop" if stopped else "length",
            sum(logprobs),
            logprobs if self._params.sampling.logprobs else [],
            self._stops.cut(tokens[:-1] if tokens[-1] in self._ends else tokens),
        )


class Decoder:
    """Draws completions from one model that brings its own adapter, if any."""

    def __init__(self, model: Any, tokenizer: Any, sampling: SamplingConfig) -> None:
        self._runner = ModelRunner(model, padding_id(tokenizer))
        self._params = SamplingParams(tokenizer, sampling, end_tokens(model, tokenizer))

    def draw(self, requests: Sequence[Request]) -> list[Completion]:
        """Complete these requests in one batch, in their order."""
        decoding = Decoding(self._runner, self._params, requests)
        completions: dict[int, Completion] = {}
        while not decoding.done:
            completions |= {id(item.request): item for item in decoding.step()}
        return [completions[id(request)] for request in requests]
