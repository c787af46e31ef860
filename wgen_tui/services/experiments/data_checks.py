"""Checks of the training data before a launch: an error for what would void a run, else warnings.

Promises: no torch, no download, nothing written. Masks are checked here where the tokenizer is on
this machine, and in any case by the worker before it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from experiments.prompts import render_prompts
from experiments.readouts import render_readouts
from experiments.schema import Definition, TrainingConfig
from experiments.schema.regularise import arm_held
from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.architecture import NOT_LINEAR, model_dims
from wgen_tui.services.models.model_files import context_of
from wgen_tui.training_data.adapter_targets import wrong_targets
from wgen_tui.training_data.checks import examine, prompt_problems, row_problems
from wgen_tui.training_data.letters import letter_problems
from wgen_tui.training_data.mask_version import explain
from wgen_tui.training_data.problems import Problem, refusal
from wgen_tui.training_data.texts import Numbered

OnProgress = Callable[[int, int], None]  # how many are done, and of how many


@dataclass(frozen=True, slots=True)
class Chats:
    """An arm's examples, in its context: how many, and what reads them once more."""

    total: int
    read: Callable[[], Iterable[Numbered]]

    def __len__(self) -> int:
        return self.total


def text_warning(told: tuple[str, Problem]) -> str:
    """An arm and what its texts say, as a warning."""
    arm, problem = told
    return f"arm {arm}: {problem.what}{f'. {problem.fix}' if problem.fix else ''}".rstrip(".")


def check_targets(training: TrainingConfig, model: ModelRef) -> None:
    """Check that a LoRA's modules and layers are there.

    Only where the heads of the weights tell the modules; the worker asks the model itself.

    Raises:
        UsageError: one is not.
    """
    dims = model_dims(model) if training.method == "lora" else None
    if dims is None or dims.source != "headers" or any("expert" in name for name in dims.modules):
        return
    # Embeddings and the like are not among the modules of the blocks.
    named = training.lora.target_modules
    blocks = (
        named if isinstance(named, str) else tuple(x for x in named if not NOT_LINEAR.search(x))
    )
    lora = training.lora.model_copy(update={"target_modules": blocks})
    if wrong := wrong_targets(lora, dims.modules):
        message, hint = wrong
        raise UsageError(f"{model.name}: {message}", title="LoRA targets", hint=hint)


def check_tokens(
    definition: Definition,
    model: ModelRef,
    arms: Mapping[str, Chats],
    name: str,
    *,
    to_train: Collection[str],
    mask_version: Callable[[], int],
    on_progress: OnProgress | None = None,
) -> list[str]:
    """Check the examples as one model sees them: masks, ends, lengths, system prompts.

    Args:
        definition: The experiment.
        model: The base model.
        arms: Their examples.
        name: What the user called the experiment, for the hint.
        to_train: The arms of which something is yet to be trained; of the others all is only said.
        mask_version: Tells the lowest with which runs of this experiment were planned.
        on_progress: Called with how many examples are encoded, and of how many.

    Returns:
        Warnings; none where the tokenizer is not on this machine.

    Raises:
        UsageError: the run would be void; all that blocks is named, with arm and lines.
    """
    from wgen_tui.services.models import local_tokenizer  # noqa: PLC0415  7 MB

    tokenizer = local_tokenizer.local_tokenizer(model, definition.chat_template)
    if tokenizer is None:
        return []
    context = context_of(model)
    problems: list[tuple[str, Problem]] = []
    earlier, total = 0, sum(map(len, arms.values()))
    for arm, rows in arms.items():

        def tell(done: int, earlier: int = earlier) -> None:
            if on_progress is not None:
                on_progress(earlier + done, total)

        training = definition.training.of(model.name, arm_held(arm))
        examined = examine(tokenizer, rows.read(), training, tell, keep=False)
        earlier += len(rows)
        in_arm = row_problems(tokenizer, examined, training, context)
        if arm not in to_train:
            in_arm = [problem.model_copy(update={"blocking": False}) for problem in in_arm]
        problems += [(f"Arm {arm}", problem) for problem in in_arm]
    max_tokens = definition.sampling.max_tokens
    in_questions = prompt_problems(tokenizer, render_prompts(definition), max_tokens, context)
    in_questions += letter_problems(tokenizer, [*render_readouts(definition)])
    problems += [("Questions", problem) for problem in in_questions]
    if refused := refusal(problems):
        title, message, hint = refused
        hint += f"\nSee it: wgen-tui experiment preview {name}"
        if before := explain(mask_version()):
            message += f"\n{before}"
            hint += f"\nTo go on, change a copy: wgen-tui experiment copy {name} NEW-NAME"
        raise UsageError(message, title=title, hint=hint)
    return [f"{where[0].lower()}{where[1:]}: {problem.what}" for where, problem in problems]
