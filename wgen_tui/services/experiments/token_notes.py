"""What a definition's models make of its data, as far as `validate` looks.

Promises: what `run start` would refuse for its tokens is refused here too, by the same lines of
code, for every model whose tokenizer is on this machine; the first rows of an arm stand for it, and
it is said where there are more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from experiments.readers.arms.context_of_rows import ContextOfRows
from experiments.rows import Row
from experiments.schema import Definition
from experiments.yaml_source import KeyPath
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.experiments.data_checks import Chats, check_targets, check_tokens
from wgen_tui.services.models.model_files import model_folder
from wgen_tui.services.models.resolve import resolve_model
from wgen_tui.training_data.mask_version import MASK_VERSION
from wgen_tui.training_data.texts import Numbered, fingerprint

ROWS, CHARACTERS = 1000, 500_000  # of an arm; a second's work or two


class Head:
    """What `validate` keeps of an arm: the first rows, in its context, and what it counts.

    Attributes:
        rows: The first ones.
        total: How many there are.
    """

    def __init__(self, context: ContextOfRows) -> None:
        """Begin without rows."""
        self.rows: list[Numbered] = []
        self.total = 0
        self._context = context
        self._size = 0
        self._said: set[bytes] = set()

    def hear(self, row: Row) -> None:
        """Take in a row."""
        self.total += 1
        chat = self._context.apply(row.messages)
        self._said.add(fingerprint(chat))  # as it is trained, which is what a plan counts
        self._size += sum(len(turn.content) for turn in row.messages)
        if len(self.rows) < ROWS and self._size <= CHARACTERS:
            self.rows.append((row.line, chat))

    @property
    def notes(self) -> list[str]:
        """Notes on examples that repeat another, and on those that lack the context."""
        double = self.total - len(self._said)
        notes = [f"{double} of {self.total} examples repeat another"] if double else []
        return [*notes, *([self._context.told] if self._context.told else [])]


def token_notes(
    home: Home, definition: Definition, heads: Mapping[str, Head], name: str
) -> list[str]:
    """Check masks, ends, lengths and dropped text for each model that is here.

    Args:
        home: Whose models.
        definition: The experiment.
        heads: By arm.
        name: What the user called the experiment.

    Raises:
        UsageError: `run start` would refuse. Where there are more rows than were looked at, what
            is wrong with these is a note.
    """
    heads = {
        a: head for a, head in heads.items() if head.total and definition.arms[a].in_context is None
    }
    rows = {arm: Chats(len(head.rows), partial(iter, head.rows)) for arm, head in heads.items()}
    # What is refused where all examples are so cannot be told from the first of them.
    whole = [arm for arm, head in heads.items() if head.total == len(head.rows)]
    notes = []
    if definition.chat_template:
        from wgen_tui.services.models import local_tokenizer  # noqa: PLC0415  7 MB

        # It refuses what no model could be asked with.
        local_tokenizer.compile_template(definition.chat_template)
    for given in definition.models:
        try:
            model = _here(home, given, definition.chat_template)
        except UsageError as error:
            notes.append(f"{error.message.rstrip('.')}; run start would refuse it. {error.hint}")
            continue
        if model is None:
            continue
        notes += check_tokens(
            definition, model, rows, name, to_train=whole, mask_version=lambda: MASK_VERSION
        )
        notes += [
            f"arm {arm}: the tokenizer of {given} was tried on {_tried(head)}; run start tries all"
            for arm, head in heads.items()
            if arm not in whole
        ]
    return notes


def unmatched_targets(home: Home, definition: Definition) -> Iterator[tuple[KeyPath, str, str]]:
    """LoRA modules that a model which is here does not have: key, message and hint, once a key."""
    seen: set[KeyPath] = set()
    for given in definition.models:
        try:
            model = resolve_model(home, given)
        except UsageError:
            continue  # which is a note
        if model.endpoint is not None or model_folder(model) is None:
            continue
        for name in (arm for arm, told in definition.arms.items() if told.is_trained):
            path = _targets_at(definition, given, name)
            try:
                check_targets(definition.training.of(given, name), model)
            except UsageError as error:
                if path not in seen:
                    seen.add(path)
                    yield path, error.message, error.hint


def _targets_at(definition: Definition, model: str, arm: str) -> KeyPath:
    """Where it stands which modules an arm's adapter is on."""
    key = "target_modules"
    for index, entry in reversed([*enumerate(definition.training.for_)]):
        said = entry.lora.model_fields_set if "lora" in entry.changes else ()
        if key in said and entry.counts_for(model, arm):
            return "training", "for", index, "lora", key
    return "training", "lora", key


def _tried(head: Head) -> str:
    if not head.rows:
        return f"no example, since the first has more than {CHARACTERS:,} characters"
    return f"the first {len(head.rows):,} of {head.total:,} examples"


def _here(home: Home, name: str, chat_template: str | None) -> ModelRef | None:
    """A model, if its tokenizer is on this machine.

    Raises:
        UsageError: there can be none of that name.
    """
    model = resolve_model(home, name)
    if model.endpoint is not None or model_folder(model) is None:
        return None
    from wgen_tui.services.models import local_tokenizer  # noqa: PLC0415  7 MB

    return None if local_tokenizer.local_tokenizer(model, chat_template) is None else model
