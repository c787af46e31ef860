"""Bytes of the parts of a training or a sampling, from a model's size: formulas, no files.

Promises: pure functions. The bytes of activations were fitted to what `workers.train.grid.fit` measures
(what a forward pass saves for the backward pass): within 3% on random Llama and Qwen3 models of
hidden 256, 8% on Gemma 2, in fp32 and bf16, on a CPU (tests/services/estimate/test_formulas.py measures again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wgen_tui.services.models.architecture import ModelDims

# Bytes of a weight in a quantised linear module. 4-bit: NF4 in blocks of 64 with one scale each,
# doubly quantised: 4.127 bits (QLoRA, arXiv 2305.14314, section 3). 8-bit: one byte, scales apart.
QUANTISED = {"4bit": 4.127 / 8, "8bit": 1.01}


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


def weight_bytes(shape: ModelDims, width: int, quantization: str = "none") -> int:
    """The base in memory.

    Args:
        shape: The model.
        width: Bytes of a number in the precision it is loaded in.
        quantization: As in a training's configuration.
    """
    each = QUANTISED.get(quantization, width)
    return int(shape.linear * each + (shape.parameters - shape.linear) * width)


def saved_bytes_per_token(
    shape: ModelDims, adapters: Adapters, width: int, length: int
) -> tuple[float, float]:
    """What one token of a row of `length` leaves for the backward pass: (in all blocks, in one).

    The base is frozen, so its linear modules save nothing; adapters are fp32: with a base in half
    precision each adapted module has its own fp32 copy of its input, else modules that read the
    same share it.
    """
    layers = max(1, shape.layers)
    norms = 4 * (shape.norms * shape.hidden + 2)
    if shape.query_norms:
        norms += 4 * (shape.queries + shape.keys)
    attention = width * (shape.queries + 2 * shape.keys) + 4 * shape.heads
    if shape.capped:  # eager: each token's softmax and tanh over the row, keys repeated by head
        attention += 8 * shape.heads * length + 2 * width * (shape.queries - shape.keys)
    mlp = 3 * width * shape.inner
    if width < 4:
        attention += width * shape.queries  # its output; in fp32 that is the input of o_proj
        inputs = sum(a for a, _ in adapters.modules.values()) / layers
    else:
        attention += 0 if _adapted(adapters, ("o_proj", "out_proj")) else width * shape.queries
        inputs = sum(a for _, a in _inputs(adapters)) / layers
    between = 4 * adapters.copies * adapters.rank * len(adapters.modules) / layers
    block = norms + attention + mlp + 4 * inputs + between
    return block * layers + 4 * shape.hidden, block


def _adapted(adapters: Adapters, names: tuple[str, ...]) -> bool:
    return any(name.endswith(names) for name in adapters.modules)


def _inputs(adapters: Adapters) -> set[tuple[str, int]]:
    """The distinct inputs: modules of one parent with the same width read the same; but o_proj."""
    return {
        (name if name.endswith(("o_proj", "out_proj")) else name.rpartition(".")[0], wide)
        for name, (wide, _) in adapters.modules.items()
    }


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes through the model at once.

    Attributes:
        tokens: Padding included.
        length: Of a row.
        labels: Tokens whose logits are computed.
        checkpointing: Only the inputs of blocks are kept, and one block at a time is computed anew.
    """

    tokens: int
    length: int
    labels: int
    checkpointing: bool


def saved_bytes(shape: ModelDims, adapters: Adapters, width: int, made: Pass) -> int:
    """What a pass keeps for the backward pass, as `workers.train.grid.fit` measures it."""
    everything, block = saved_bytes_per_token(shape, adapters, width, made.length)
    kept = shape.layers * shape.hidden * width + block if made.checkpointing else everything
    return int(made.tokens * kept + made.labels * 4 * shape.vocabulary)


def activation_bytes(shape: ModelDims, adapters: Adapters, width: int, made: Pass) -> int:
    """A pass and its backward pass at their peak.

    Beside what is saved: of an MLP the gradients of its three widths, and of each label the logits
    and their gradient, both also in fp32. A block that is computed anew is there a second time as
    gradients: without that a measured peak on a CPU was 30% above the estimate, with it 20%.
    """
    passing = made.tokens * 3 * shape.inner * width
    if made.checkpointing:
        passing += int(made.tokens * saved_bytes_per_token(shape, adapters, width, made.length)[1])
    logits = made.labels * shape.vocabulary * (2 * width + 2 * 4)
    return saved_bytes(shape, adapters, width, made) + passing + logits


def cache_bytes(shape: ModelDims, width: int, length: int) -> int:
    """Keys and values of one row of `length` tokens, and its logits as `workers.sample.engine.forward` has them."""
    return 2 * shape.layers * shape.keys * width * length + 4 * 8 * shape.vocabulary
