"""Bytes of the parts of a training or a sampling, from a model's size: formulas, no files.

Promises: pure functions. The bytes of activations were fitted to what `workers.train.grid.fit`
measures (what a forward pass saves for the backward pass): within 3% on random Llama and Qwen3
models of hidden 256, 8% on Gemma 2, in fp32 and bf16, on a CPU
(tests/services/estimate/test_formulas.py measures again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wgen_tui.services.models.architecture import ModelDims

# Bytes of a weight in a quantised linear module. 4-bit: NF4 in blocks of 64 with one scale each,
# doubly quantised: 4.127 bits (QLoRA, arXiv 2305.14314, section 3). 8-bit: one byte, scales apart.
QUANTIZED_BYTES = {"4bit": 4.127 / 8, "8bit": 1.01}


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters of one kind that a launch trains together.

    Attributes:
        modules: (in, out) by name.
        rank: The highest: in a stack all are padded to it.
        copies: LoRAs in one adapter (skills of Poly).
    """

    modules: Mapping[str, tuple[int, int]]
    rank: int
    copies: int = 1

    @property
    def width(self) -> int:
        """Weights of one."""
        return self.copies * self.rank * sum(a + b for a, b in self.modules.values())


def weight_bytes(dims: ModelDims, width: int, quantization: str = "none") -> int:
    """The base in memory.

    Args:
        dims: The model.
        width: Bytes of a number in the precision it is loaded in.
        quantization: As in a training's configuration.
    """
    each = QUANTIZED_BYTES.get(quantization, width)
    return int(dims.linear * each + (dims.parameters - dims.linear) * width)


def saved_bytes_per_token(
    dims: ModelDims, adapters: Adapters, width: int, length: int
) -> tuple[float, float]:
    """What one token of a row of `length` leaves for the backward pass: (in all blocks, in one).

    The base is frozen, so its linear modules save nothing; adapters are fp32: with a base in half
    precision each adapted module has its own fp32 copy of its input, else modules that read the
    same share it.
    """
    layers = max(1, dims.layers)
    norms = 4 * (dims.norms * dims.hidden + 2)
    if dims.query_norms:
        norms += 4 * (dims.queries + dims.keys)
    attention = width * (dims.queries + 2 * dims.keys) + 4 * dims.heads
    if dims.capped:  # eager: each token's softmax and tanh over the row, keys repeated by head
        attention += 8 * dims.heads * length + 2 * width * (dims.queries - dims.keys)
    mlp = 3 * width * dims.inner
    if width < 4:
        attention += width * dims.queries  # its output; in fp32 that is the input of o_proj
        inputs = sum(a for a, _ in adapters.modules.values()) / layers
    else:
        attention += 0 if _any_adapted(adapters, ("o_proj", "out_proj")) else width * dims.queries
        inputs = sum(a for _, a in _distinct_inputs(adapters)) / layers
    between = 4 * adapters.copies * adapters.rank * len(adapters.modules) / layers
    block = norms + attention + mlp + 4 * inputs + between
    return block * layers + 4 * dims.hidden, block


def _any_adapted(adapters: Adapters, names: tuple[str, ...]) -> bool:
    return any(name.endswith(names) for name in adapters.modules)


def _distinct_inputs(adapters: Adapters) -> set[tuple[str, int]]:
    """The distinct inputs: modules of one parent with the same width read the same; but o_proj."""
    return {
        (name if name.endswith(("o_proj", "out_proj")) else name.rpartition(".")[0], wide)
        for name, (wide, _) in adapters.modules.items()
    }


@dataclass(frozen=True, slots=True)
class ForwardBatch:
    """What goes through the model at once.

    Attributes:
        tokens: Padding included.
        length: Of a row.
        labels: Tokens whose logits are computed.
        checkpointing: Only the inputs of blocks are kept, and one block at a time computed again.
    """

    tokens: int
    length: int
    labels: int
    checkpointing: bool


def saved_bytes(dims: ModelDims, adapters: Adapters, width: int, batch: ForwardBatch) -> int:
    """What a pass keeps for the backward pass, as `workers.train.grid.fit` measures it."""
    everything, block = saved_bytes_per_token(dims, adapters, width, batch.length)
    kept = dims.layers * dims.hidden * width + block if batch.checkpointing else everything
    return int(batch.tokens * kept + batch.labels * 4 * dims.vocabulary)


def activation_bytes(dims: ModelDims, adapters: Adapters, width: int, batch: ForwardBatch) -> int:
    """A pass and its backward pass at their peak.

    Beside what is saved: of an MLP the gradients of its three widths, and of each label the logits
    and their gradient, both also in fp32. A block that is computed again is there a second time as
    gradients: without that a measured peak on a CPU was 30% above the estimate, with it 20%.
    """
    passing = batch.tokens * 3 * dims.inner * width
    if batch.checkpointing:
        passing += int(batch.tokens * saved_bytes_per_token(dims, adapters, width, batch.length)[1])
    logits = batch.labels * dims.vocabulary * (2 * width + 2 * 4)
    return saved_bytes(dims, adapters, width, batch) + passing + logits


def cache_bytes(dims: ModelDims, width: int, length: int) -> int:
    """Keys and values of one row of `length` tokens, and the logits that sampling keeps of it."""
    return 2 * dims.layers * dims.keys * width * length + 4 * 8 * dims.vocabulary
