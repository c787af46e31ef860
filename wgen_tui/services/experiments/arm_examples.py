"""The examples of an arm as they are trained: its dataset in its context, read once for each pass.

Promises: no examples are held, so a plan's memory does not grow with what is planned; a dataset
that changes between two passes is named, never mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from experiments.readers.arm_data import ArmData, rows_in_all
from experiments.readers.arms.context_of_rows import ContextOfRows
from experiments.rows import Row
from experiments.schema import Arm, Definition, Turn
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.definitions import usage_errors
from wgen_tui.training_data.chat_lines import write_chat
from wgen_tui.training_data.problems import Problem
from wgen_tui.training_data.texts import Texts, fingerprint


@dataclass(frozen=True, slots=True)
class Examples:
    """The resolved examples of an arm, read from its dataset for each pass over them.

    Attributes:
        sha256: Of what `data` gives.
        problems: What their texts say before any tokenizer.
        held: The rows that hold a training on them near its base; None: none do.
        held_out: Those of its task that are not trained; None: there are none.
        leaked: How many of these are trained too.
    """

    arm: Arm
    dataset: ArmData
    sha256: str
    problems: tuple[Problem, ...] = ()
    held: Examples | None = None
    held_out: Examples | None = None
    leaked: int = 0

    def __len__(self) -> int:
        return self.dataset.count

    @property
    def all_rows(self) -> int:
        """How many there were if no file gave only a number of its rows, or a share."""
        return rows_in_all(self.dataset)

    @property
    def notes(self) -> list[str]:
        """What was not read of the data, and which rows lack the context."""
        told = ContextOfRows(self.arm, lambda: len(self)).told
        leaked = f"{self.leaked:,} of its held-out rows are trained too" if self.leaked else ""
        return [*self.dataset.notes, *filter(None, (told, leaked))]

    def chats(self) -> Iterator[tuple[int, tuple[Turn, ...]]]:
        """Line and chat of every example, in the arm's context.

        Raises:
            UsageError: the dataset is no longer what was read.
        """
        context = ContextOfRows(self.arm, lambda: len(self))
        with usage_errors():
            for row in self.dataset:
                yield row.line, context.apply(row.messages)

    def data(self) -> Iterator[bytes]:
        """What becomes data.jsonl, line by line.

        Raises:
            UsageError: it is no longer what was planned with.
        """
        digest = sha256()
        for _, turns in self.chats():
            line = data_line(turns)
            digest.update(line)
            yield line
        if digest.hexdigest() != self.sha256:
            raise UsageError(
                f"{self.dataset.path} was changed since it was planned with.",
                title="Dataset changed",
                hint="Run the command again.",
            )


RunData = Callable[[], Iterable[bytes]]  # gives what becomes data.jsonl, as often as it is asked


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run's data, and what else is written with it.

    Attributes:
        data: Gives what becomes data.jsonl.
        more: Gives other files, by name.
    """

    data: RunData
    more: Mapping[str, RunData]

    def __call__(self) -> Iterable[bytes]:
        """What becomes data.jsonl."""
        return self.data()


def no_data() -> tuple[bytes, ...]:
    """What a base has as its data."""
    return ()


def data_line(turns: Sequence[Turn]) -> bytes:
    """A chat as a line of data.jsonl."""
    return f"{write_chat(turns)}\n".encode()


def load_examples(
    home: Home, slug_or_path: str, definition: Definition, name: str, arm: Arm
) -> Examples:
    """Read an arm's dataset once: hash it in the arm's context, and hear what its texts say."""
    digest, texts = sha256(), Texts(definition)
    context = ContextOfRows(arm, lambda: definitions.row_count(home, slug_or_path, name, arm))
    held_out = held_out_examples(home, slug_or_path, definition, name, arm)
    untrained = (
        set(map(fingerprint, (turns for _, turns in held_out.chats()))) if held_out else set()
    )
    met: set[bytes] = set()

    def hear(row: Row) -> None:
        turns = context.apply(row.messages)
        if untrained:
            met.update(untrained & {fingerprint(turns)})
        digest.update(data_line(turns))
        texts.hear(row.line, turns, row.messages)

    held = None
    if arm.regularise is not None:  # as they stand, without the arm's context
        rows = Arm(data=arm.regularise.prompts)
        held = load_examples(home, slug_or_path, definition, name, rows)
    dataset = definitions.rows(home, slug_or_path, name, arm, hear)
    problems = tuple(texts.problems)
    return Examples(arm, dataset, digest.hexdigest(), problems, held, held_out, len(met))


def held_out_examples(
    home: Home, slug_or_path: str, definition: Definition, name: str, arm: Arm
) -> Examples | None:
    """The rows that an arm is not trained on, in its context; also of one that trains none."""
    heard: list[Row] = []
    dataset = definitions.held_out_rows(home, slug_or_path, name, arm, heard.append)
    if dataset is None:
        return None
    digest, texts = sha256(), Texts(definition)
    context = ContextOfRows(arm, lambda: len(dataset))
    for row in heard:
        turns = context.apply(row.messages)
        digest.update(data_line(turns))
        texts.hear(row.line, turns, row.messages)
    return Examples(arm, dataset, digest.hexdigest(), tuple(texts.problems))
