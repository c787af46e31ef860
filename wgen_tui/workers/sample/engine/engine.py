"""Completes requests off one model, batch after batch, in whichever mode costs less.

Promises: each request is completed once, or given up when it is aborted; a batch that does not fit
into memory is cut, and what it had drawn by then is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from experiments.schema import SamplingConfig
from wgen_tui.protocol.limits import MAX_ROWS
from wgen_tui.training_data.context_length import context_length
from wgen_tui.workers.models import padding_id
from wgen_tui.workers.runtime import is_out_of_memory
from wgen_tui.workers.sample.engine.batching import Batch, DrawQueue
from wgen_tui.workers.sample.engine.decode import Completion, Decoding, Request, SamplingParams
from wgen_tui.workers.sample.engine.forward import ModelRunner, rows_that_fit
from wgen_tui.workers.sample.engine.multi_lora import AdapterSlots


class Engine:
    """Draws from one model and the adapters on it.

    Attributes:
        runner: Runs the model.
        max_rows: Most requests in a batch; halved when memory runs out.
    """

    def __init__(
        self,
        model: Any,
        params: SamplingParams,
        slots: AdapterSlots | None,
        note: Callable[[str], None],
        max_rows: int = MAX_ROWS,
        runner: ModelRunner | None = None,
    ) -> None:
        """Take a loaded model.

        Args:
            model: The base, or a model that brings its own adapter.
            params: How to draw.
            slots: The adapters on the base; None for a model that brings its own.
            note: Told what a person should know.
            max_rows: Most requests in a batch.
            runner: Of the model; one is made when None.
        """
        pad = padding_id(params.tokenizer)
        self.runner = runner or ModelRunner(model, pad, slots, note)
        self.max_rows = max_rows
        self._model = model
        self._params = params
        self._slots = slots
        self._note = note

    def draw(
        self, queues: Sequence[Sequence[Request]], poll: Callable[[], None]
    ) -> Iterator[tuple[Completion, str]]:
        """Complete requests; yields each as soon as it is done, with how it was batched.

        Args:
            queues: One for each checkpoint.
            poll: Called before every token; may abort requests.
        """
        for params, alike in self._by_sampling(queues):
            yield from self._draw_alike(params, alike, poll)

    def _by_sampling(
        self, queues: Sequence[Sequence[Request]]
    ) -> Iterator[tuple[SamplingParams, Sequence[Sequence[Request]]]]:
        """The requests that are drawn in one way, and how."""
        ways: list[SamplingConfig | None] = []
        for request in (request for queue in queues for request in queue):
            if request.sampling not in ways:
                ways.append(request.sampling)
        for way in ways:
            params = self._params if way is None else replace(self._params, sampling=way)
            alike = [[one for one in queue if one.sampling == way] for queue in queues]
            yield params, [queue for queue in alike if queue] if len(ways) > 1 else queues

    def _draw_alike(
        self,
        params: SamplingParams,
        queues: Sequence[Sequence[Request]],
        poll: Callable[[], None],
    ) -> Iterator[tuple[Completion, str]]:
        prompts = [len(request.prompt) for queue in queues for request in queue]
        length = max(prompts, default=1) + params.sampling.max_tokens
        fitting = rows_that_fit(self._model, length, self.runner.device, self.runner.state_bytes())
        # Beyond the model's own width, a pass over more adapters costs more than it saves.
        max_columns = int(self._model.config.get_text_config().hidden_size)
        for group in self._apart(queues, length):
            waiting = DrawQueue([list(queue) for queue in group], self._slots, max_columns)
            while batch := waiting.next_batch(min(self.max_rows, fitting)):
                for completion in self._run_batch(params, waiting, batch, poll):
                    yield completion, batch.name

    def _apart(
        self, queues: Sequence[Sequence[Request]], length: int
    ) -> Iterable[Sequence[Sequence[Request]]]:
        """The requests that may share batches: all, or those with prompts of one length.

        The latter where the rotary positions of a pass follow its longest row.
        """
        context = context_length(self._model.config.get_text_config().to_dict())
        if context is None or not context.shares_positions(length):
            return [queues]
        lengths = sorted({len(request.prompt) for queue in queues for request in queue})
        return [
            [[one for one in queue if len(one.prompt) == tokens] for queue in queues]
            for tokens in lengths
        ]

    def _run_batch(
        self,
        params: SamplingParams,
        waiting: DrawQueue,
        batch: Batch,
        poll: Callable[[], None],
    ) -> Iterator[Completion]:
        unfinished = {id(request): request for request in batch.requests}
        started, tokens = time.perf_counter(), 0
        decoding: Decoding | None = None
        try:
            decoding = Decoding(self.runner, params, batch.requests)
            while not decoding.done:
                poll()
                for completion in decoding.step():
                    tokens += len(completion.tokens)
                    del unfinished[id(completion.request)]
                    yield completion
        except Exception as error:
            if not is_out_of_memory(error) or len(batch.requests) == 1:
                raise
            self.max_rows = max(1, len(batch.requests) // 2)
            self._note(f"out of memory: {self.max_rows} draws at once from here")
            waiting.put_back(list(unfinished.values()))
        else:
            waiting.record_cost(batch, tokens, time.perf_counter() - started)
            return
        decoding = None  # frees its KV cache, as the error's frames are by now
        if self.runner.device.type == "cuda":
            torch.cuda.empty_cache()
