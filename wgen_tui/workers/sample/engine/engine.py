"""Makes draws off one model, batch after batch, in whichever way costs less.

Promises: each request is made once, or given up when nobody wants it any more; a batch that does not
fit into memory is cut, and what it had drawn by then is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from wgen_tui.protocol.limits import MAX_ROWS
from wgen_tui.workers.runtime import is_out_of_memory
from wgen_tui.workers.sample.engine.batching import Batch, DrawQueue
from wgen_tui.workers.sample.engine.decode import Completion, Decoding, Request, SamplingParams
from wgen_tui.workers.sample.engine.forward import (
    ModelRunner,
    rows_that_fit,
)
from wgen_tui.workers.sample.engine.multi_lora import AdapterSlots


class Engine:
    """Draws from one model and the adapters on it.

    Attributes:
        rows: Most draws made together; halved when memory runs out.
    """

    def __init__(
        self,
        model: Any,
        style: SamplingParams,
        rack: AdapterSlots | None,
        note: Callable[[str], None],
        rows: int = MAX_ROWS,
    ) -> None:
        """Get ready.

        Args:
            model: The base, or a model that brings its own adapter.
            style: How to draw.
            rack: The adapters on the base; None for a model that brings its own.
            note: Told what a person should know.
            rows: Most draws made together.
        """
        self.reader = ModelRunner(model, int(style.tokenizer.pad_token_id), rack)
        self.rows = rows
        self._model = model
        self._style = style
        self._rack = rack
        self._note = note

    def draw(
        self, queues: Sequence[Sequence[Request]], poll: Callable[[], None]
    ) -> Iterator[tuple[Completion, str]]:
        """Make these draws; yields each as soon as it is made, with how it was batched.

        Args:
            queues: One for each checkpoint.
            poll: Called before every token; may turn requests off.
        """
        prompts = [len(request.prompt) for queue in queues for request in queue]
        length = max(prompts, default=1) + self._style.sampling.max_tokens
        self.rows = min(self.rows, rows_that_fit(self._model, length, self.reader.device))
        # Beyond the model's own width, a pass over more adapters costs more than it saves.
        widest = int(self._model.config.get_text_config().hidden_size)
        pool = DrawQueue([list(queue) for queue in queues], self._rack, widest)
        while batch := pool.next(self.rows):
            for drawn in self._batch(pool, batch, poll):
                yield drawn, batch.name

    def _batch(
        self, pool: DrawQueue, batch: Batch, poll: Callable[[], None]
    ) -> Iterator[Completion]:
        waiting = {id(request): request for request in batch.draws}
        started, tokens = time.perf_counter(), 0
        decoding: Decoding | None = None
        try:
            decoding = Decoding(self.reader, self._style, batch.draws)
            while not decoding.over:
                poll()
                for drawn in decoding.step():
                    tokens += len(drawn.tokens)
                    del waiting[id(drawn.request)]
                    yield drawn
        except Exception as error:
            if not is_out_of_memory(error) or len(batch.draws) == 1:
                raise
            self.rows = max(1, len(batch.draws) // 2)
            self._note(f"out of memory: {self.rows} draws at once from here")
            pool.put_back(list(waiting.values()))
        else:
            pool.count(batch, tokens, time.perf_counter() - started)
            return
        decoding = None  # frees its keys and values, as the error's frames are by now
        if self.reader.device.type == "cuda":
            torch.cuda.empty_cache()
