"""The rows that an arm's runs show before every prompt: chosen and ordered by each run's seed.

Promises: what is shown is written with the run as its data.jsonl, line by line in the order in
which it is shown; rows that cannot stand before a prompt are refused before anything is planned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from experiments.prompts import Prompt, render_prompts
from experiments.readers.shown_rows import behind_rows, shown_places, why_not_shown
from experiments.readouts import Readout, render_readouts
from experiments.schema import Arm, Definition, Turn
from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.experiments.arm_examples import Examples, data_line
from wgen_tui.services.models.model_files import context_of
from wgen_tui.training_data.checks import prompt_problems
from wgen_tui.training_data.problems import Problem, refusal

LONGEST = 3  # prompts that are tried behind the rows of each run; its worker tries all


@dataclass(frozen=True, slots=True)
class ShownRows:
    """What a run shows, in its arm's context.

    Attributes:
        rows: In order.
        sha256: Of what `data` gives.
    """

    arm: Arm
    rows: tuple[tuple[Turn, ...], ...]
    sha256: str

    def __len__(self) -> int:
        return len(self.rows)

    def data(self) -> tuple[bytes, ...]:
        """What becomes data.jsonl, line by line."""
        return tuple(map(data_line, self.rows))


def shown_rows(name: str, examples: Examples, seeds: Collection[int]) -> dict[int, ShownRows]:
    """What an arm shows with each seed of the data's order; its dataset is read once more.

    Raises:
        UsageError: these rows cannot stand before a prompt.
    """
    assert examples.arm.in_context is not None
    wanted = examples.arm.in_context.rows
    places = {seed: shown_places(len(examples), wanted, seed) for seed in seeds}
    needed = {place for chosen in places.values() for place in chosen}
    rows = {place: row for place, (_, row) in enumerate(examples.chats()) if place in needed}
    shown = {}
    for seed, chosen in places.items():
        mine = tuple(rows[place] for place in chosen)
        if why := why_not_shown(mine):
            raise UsageError(
                f"Arm {name}, seed {seed}: {why}.",
                title="Rows in context",
                hint=f"Leave such rows out of {examples.dataset.path}, or take others: "
                "data: [{file: …, filter: {…}}].",
            )
        digest = sha256(b"".join(map(data_line, mine))).hexdigest()
        shown[seed] = ShownRows(examples.arm, mine, digest)
    return shown


def as_prompt(item: Readout) -> Prompt:
    """What is shown where something is read."""
    return Prompt(item.question, item.paraphrase, item.variant, item.messages)


def longest_behind(
    prompts: Sequence[Prompt], rows: Mapping[int, ShownRows]
) -> dict[int, tuple[Prompt, ...]]:
    """The longest prompts behind the rows of each seed."""

    def size(prompt: Prompt) -> int:
        return sum(len(turn.content) for turn in prompt.messages)

    longest = sorted(prompts, key=size, reverse=True)[:LONGEST]
    return {
        seed: tuple(
            Prompt(one.question, one.paraphrase, one.variant, behind_rows(shown.rows, one.messages))
            for one in longest
        )
        for seed, shown in rows.items()
    }


def check_shown(
    definition: Definition, model: ModelRef, shown: Mapping[str, Mapping[int, ShownRows]]
) -> list[str]:
    """Check the longest prompts behind the rows that arms show in context, for each seed.

    Args:
        definition: The experiment.
        model: The base model.
        shown: The rows, by arm and by the seed that chooses them.

    Returns:
        Warnings; none where the tokenizer is not on this machine.

    Raises:
        UsageError: the template does not take such a chat, or the model cannot read it.
    """
    from wgen_tui.services.models import local_tokenizer  # noqa: PLC0415  7 MB

    tokenizer = local_tokenizer.local_tokenizer(model, definition.chat_template)
    if tokenizer is None:
        return []
    context, max_tokens = context_of(model), definition.sampling.max_tokens
    prompts = [*render_prompts(definition), *map(as_prompt, render_readouts(definition))]
    problems: dict[tuple[str, Problem], list[int]] = {}
    for arm, rows in shown.items():
        for seed, behind in longest_behind(prompts, rows).items():
            for problem in prompt_problems(tokenizer, behind, max_tokens, context):
                if problem.kind != "no_end":  # said once of the questions
                    problems.setdefault((f"Arm {arm}", problem), []).append(seed)
    if refused := refusal(list(problems)):
        title, message, hint = refused
        hint += "\nFewer rows in context are shorter: in_context: {rows: …}"
        raise UsageError(message, title=title, hint=hint)
    return [
        f"{where[0].lower()}{where[1:]}, seed {', '.join(map(str, seeds))}: of the longest "
        f"prompts behind the rows in context {problem.what}"
        for (where, problem), seeds in problems.items()
    ]
