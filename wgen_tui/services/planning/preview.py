"""Training data as a model sees it: encoded by a worker, with the tokenizer that training uses.

Promises: nothing is written; no weights are loaded; transformers stays in the worker. What needs no
tokenizer (overlap, duplicates) is checked here and sent along.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO

from experiments.prompts import render_prompts
from experiments.readers.arms.context_of_rows import ContextOfRows
from experiments.readers.shown_rows import behind_rows
from experiments.readouts import render_readouts
from experiments.rows import Row as DataRow
from experiments.schema import Arm, Definition, Turn
from experiments.schema.arm_kinds.held_out import held_out_name
from experiments.schema.regularise import arm_held, held_name
from experiments.seen_files import SeenFiles
from wgen_tui.errors import UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.arm_examples import load_examples
from wgen_tui.services.experiments.arms.derived_rows import first_asked
from wgen_tui.services.experiments.arms.shown_rows import shown_rows
from wgen_tui.services.experiments.arms.untrained import without_rows
from wgen_tui.services.experiments.data_checks import OnProgress
from wgen_tui.services.models.model_files import (
    context_of,
    model_folder,
    stop_ids,
    vocabulary_of,
)
from wgen_tui.services.models.resolve import check_model, resolve_model
from wgen_tui.services.models.revision import pinned
from wgen_tui.services.planning.template_date import dated_template
from wgen_tui.services.runs.process import environment
from wgen_tui.services.suggest import unknown
from wgen_tui.training_data.records import (
    Answer,
    ArmRows,
    PreviewReport,
    PreviewRequest,
    PromptText,
    Row,
)
from wgen_tui.training_data.texts import Texts

WORKER = "wgen_tui.workers.preview"
# What a preview looks at, of each arm: some seconds' work. A plan looks at all.
ROWS, CHARACTERS = 20_000, 4_000_000
MOST_KEPT, MOST_FILES = 8, 1_000  # reports; files of a folder that stat is asked about
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"),
    *("chat_template.jinja", "chat_template.json", "generation_config.json"),
)
LONG, BEGINNING = 2_000_000, 50_000  # characters of an example that is not looked at whole


def make_request(
    home: Home,
    slug_or_path: str | Path,
    *,
    arm: str | None = None,
    model: str | None = None,
    show: int = 3,
    trust_remote_code: bool = False,
) -> PreviewRequest:
    """Read a definition and its data into a request for the worker.

    Args:
        home: Where the user's definitions are.
        slug_or_path: Which one.
        arm: Only this arm.
        model: Whose tokenizer; the definition's first model when None.
        show: How many examples of each arm come back token by token.
        trust_remote_code: Let the tokenizer run code of its own.

    Raises:
        UsageError: the definition or its data is wrong, there is no such arm or model, or the
            model is served, or neither here nor on the hub.
    """
    definition = definitions.load(home, slug_or_path)
    if arm is not None and arm not in definition.arms:
        raise unknown("arm", arm, list(definition.arms))
    name = model or definition.models[0]
    ref = resolve_model(home, name, trust_remote_code=trust_remote_code)
    if ref.endpoint is not None:
        raise UsageError(
            f"{ref.name} is a served model: its tokenizer is not here.",
            title="Served model",
            hint="Give --model a hub id or a folder.",
        )
    ref, _ = pinned(home, definition.slug, ref)
    folder = model_folder(ref)
    if folder is None:  # asks the hub in seconds; the tokenizer's own retries take minutes
        check_model(ref, definition.chat_template)
    template = dated_template(home, definition, ref)
    stops = stop_ids(folder) if folder is not None else None
    return PreviewRequest(
        experiment=definition.slug,
        model=ref,
        chat_template=template.text,
        template_note=template.note,
        own_template=definition.chat_template is not None,
        training=definition.training.of(ref.name, ""),
        arms=tuple(
            _arm_rows(home, slug_or_path, definition, called, rows, ref.name)
            for name, one in definition.arms.items()
            if arm in (None, name)
            for called, rows in _rows_of(name, one)
        ),
        rowless=tuple(
            without_rows(name, one)
            for name, one in definition.arms.items()
            if arm in (None, name) and not one.has_rows
        ),
        prompts=(*_prompts(definition), *_in_context(home, slug_or_path, definition, arm)),
        show=show,
        stops=None if stops is None else tuple(sorted(stops)),
        vocabulary=None if folder is None else vocabulary_of(folder),
        context=context_of(ref),
        max_tokens=definition.sampling.max_tokens,
    )


def _prompts(definition: Definition) -> tuple[PromptText, ...]:
    """What is drawn from, then what is read, each order of options by itself."""
    drawn = [
        PromptText(
            question=prompt.question,
            paraphrase=prompt.paraphrase,
            variant=prompt.variant,
            messages=prompt.messages,
            max_tokens=prompt.max_tokens,
        )
        for prompt in render_prompts(definition)
    ]
    read = [
        PromptText(
            question=item.question,
            paraphrase=item.paraphrase,
            variant=item.variant,
            messages=item.messages,
            order=item.order,
            reads=tuple(
                text if label == text else f"{text} ({label})" for label, text in item.continuations
            ),
        )
        for item in render_readouts(definition)
    ]
    return (*drawn, *read)


def _in_context(
    home: Home, slug_or_path: str | Path, definition: Definition, only: str | None
) -> list[PromptText]:
    """The first prompt behind the rows of each arm that shows some, as its first seed has it."""
    first = _prompts(definition)[:1]
    seed = definition.seeds.data_order
    seed = definition.seeds.values[0] if seed is None else seed
    told = []
    for name, arm in definition.arms.items():
        if arm.in_context is None or only not in (None, name):
            continue
        examples = load_examples(home, str(slug_or_path), definition, name, arm)
        rows = shown_rows(name, examples, [seed])[seed].rows
        told += [
            one.model_copy(update={"messages": behind_rows(rows, one.messages), "arm": name})
            for one in first
        ]
    return told


def _rows_of(name: str, arm: Arm) -> list[tuple[str, Arm]]:
    """An arm, the rows that hold it near its base, and a file that it holds out."""
    rows, held, out = [(name, arm)] if arm.has_rows else [], arm.regularise, arm.held_out
    if held is not None:
        rows.append((held_name(name), Arm(data=held.prompts)))
    if out is not None and out.file is not None:
        rows.append((held_out_name(name), Arm(data=out.file, context=arm.context)))
    return rows


def _arm_rows(
    home: Home, slug_or_path: str | Path, definition: Definition, name: str, arm: Arm, model: str
) -> ArmRows:
    """The first examples of an arm: as many as a preview looks at."""
    texts = Texts(definition)
    context = ContextOfRows(arm, lambda: definitions.row_count(home, slug_or_path, name, arm))
    rows: list[Row] = []
    size = 0

    def hear(row: DataRow) -> None:
        nonlocal size
        turns = context.apply(row.messages)
        texts.hear(row.line, turns, row.messages)
        characters = sum(len(turn.content) for turn in turns)
        size += characters
        long = characters > LONG
        beginning = tuple(_cut(turn) for turn in turns) if long else turns
        told = characters if long else None
        rows.append(Row(line=row.line, messages=beginning, characters=told))

    def enough() -> bool:
        return len(rows) >= ROWS or size >= CHARACTERS

    read = definitions.rows(home, slug_or_path, name, arm, hear, enough=enough)
    total = definitions.row_count(home, slug_or_path, name, arm) if enough() else read.count
    own = definition.training.of(model, arm_held(name))
    return ArmRows(
        arm=name,
        rows=tuple(rows),
        total=total,
        problems=tuple(texts.problems),
        in_context=None if arm.in_context is None else arm.in_context.rows,
        context_on=context.told,
        derived="; ".join(str(made) for made in (arm.derived, arm.upsample) if made is not None),
        asked=first_asked(home, slug_or_path, name, arm),
        training=None if own == definition.training.of(model, "") else own,
    )


def _cut(turn: Turn) -> Turn:
    return turn.model_copy(update={"content": turn.content[:BEGINNING]})


class PreviewWorker:
    """A running worker; leaving the context ends it.

    Attributes:
        stopped: Whether it was ended before its time.
    """

    def __init__(self, request: PreviewRequest) -> None:
        """Start the worker."""
        self._request = request
        self.stopped = False
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", WORKER, *(["--with-torch"] * request.model.trust_remote_code)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def __enter__(self) -> PreviewWorker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(OSError):  # it may hold what a dead worker did not read
                stream.close()  # type: ignore[union-attr]

    def stop(self) -> None:
        """End the worker; `report` then raises."""
        self.stopped = True
        self._process.kill()

    def report(self, on_progress: OnProgress | None = None) -> PreviewReport:
        """Wait for the report.

        Args:
            on_progress: Called with how many examples are encoded, and of how many.

        Raises:
            WgenError: the tokenizer cannot be loaded, or the worker died.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(BrokenPipeError):  # it died: its error output tells more
            stdin.write(self._request.model_dump_json().encode())
            stdin.close()
        for line in stdout:
            answer = Answer.model_validate_json(line)
            if answer.report is not None:
                return answer.report
            if (failure := answer.failure) is not None:
                raise UsageError(failure.message, title=failure.title, hint=failure.hint)
            if answer.progress is not None and on_progress is not None:
                on_progress(answer.progress.done, answer.progress.total)
        raise WgenError(self._error_text(), title="Preview failed")

    def _error_text(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"The preview's worker ended with {code}: {lines[-1] if lines else 'no message'}"


def preview(request: PreviewRequest, on_progress: OnProgress | None = None) -> PreviewReport:
    """Encode training data in a worker and return its report.

    Raises:
        WgenError: as `PreviewWorker.report`.
    """
    with PreviewWorker(request) as worker:
        return worker.report(on_progress)


# What was made, kept while its files are what they were


Of = tuple[Path, str | None]  # the definition's folder, and the model that was asked for
_kept: dict[Of, tuple[SeenFiles, PreviewReport | WgenError]] = {}


def kept(of: Of, *, errors: bool = True) -> PreviewReport | WgenError | None:
    """What `make` gave of a definition, if stat says the same of every file it was made of.

    Args:
        of: Which definition, and by which model's tokenizer.
        errors: Whether an error counts too; what it missed may have come since.
    """
    files, made = _kept.get(of, (SeenFiles(), None))
    if isinstance(made, WgenError) and not errors:
        return None
    return made if files.unchanged() else None


def make(
    home: Home,
    of: Of,
    show: int,
    begun: Callable[[PreviewWorker], bool],
    on_progress: OnProgress | None = None,
) -> PreviewReport | WgenError:
    """Encode a definition's data in a worker, and keep what comes of it, be it an error.

    Args:
        home: Where the user's definitions are.
        of: Which definition, and by which model's tokenizer.
        show: How many examples of each arm come back token by token.
        begun: Called with the worker, which it may stop later; false stops it at once.
        on_progress: As `PreviewWorker.report` has it.
    """
    folder, model = of
    files = SeenFiles()
    for path in _definition_files(home, folder):
        files.note(path)
    try:
        request = make_request(home, folder, model=model, show=show)
        tokenizer = model_folder(request.model)
        for name in TOKENIZER_FILES:
            if tokenizer is not None:
                files.note(tokenizer / name)
        with PreviewWorker(request) as worker:
            if not begun(worker):
                worker.stop()
            result = _outcome(worker, on_progress)
            if worker.stopped:  # nobody waits for it
                return result
    except WgenError as error:
        result = error
    _kept.pop(of, None)  # the newest is the last
    if len(_kept) >= MOST_KEPT:
        _kept.pop(next(iter(_kept)))
    _kept[of] = (files, result)
    return result


def _outcome(worker: PreviewWorker, on_progress: OnProgress | None) -> PreviewReport | WgenError:
    try:
        return worker.report(on_progress)
    except WgenError as error:
        return error


def _definition_files(home: Home, folder: Path) -> Iterator[Path]:
    """The files that a definition is read from, and those of its arms."""
    below = (Path(place) / name for place, _, names in os.walk(folder) for name in sorted(names))
    yield from islice(below, MOST_FILES)
    with suppress(UsageError):  # it is wrong, which making it says
        for arm in definitions.load(home, folder).arms.values():
            yield from (folder / item.file for item in arm.files)
