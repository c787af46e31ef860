"""The judges that are models, and who answers for each: one panel for each model.

Promises: a judge whose model nothing names waits, and is named with the two ways to run it; the
rest of the plan does not depend on it. A hub model is asked at the commit at which it was asked
first in this experiment, and loaded in the precision in which it was loaded first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from experiments.answers import references
from experiments.panel import judged_questions
from experiments.prompts import render_prompts
from experiments.schema import Definition, Message, ModelJudge
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.judging import AskedJudge, JudgedPrompt, Panel
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.services.experiments.prompt_ids import prompt_spec
from wgen_tui.services.judges.judge_models import Unmapped, judge_model, read_mapping
from wgen_tui.services.judges.pins import Pins
from wgen_tui.services.models.fingerprint import weights_key
from wgen_tui.services.models.model_files import template_of
from wgen_tui.services.suggest import unknown


@dataclass(frozen=True, slots=True)
class WaitingJudges:
    """Judges whose model cannot be asked.

    Attributes:
        model: Its name in the definition.
        judges: Their names.
        why: A clause.
    """

    model: str
    judges: tuple[str, ...]
    why: str

    @property
    def sentence(self) -> str:
        """What waits, why, and the two ways to run it."""
        names = ", ".join(self.judges)
        wait = "waits" if len(self.judges) == 1 else "wait"
        return (
            f"{names} {wait}: {self.why}. Say which model is asked, with "
            f"--judge-model {self.model}=ENDPOINT:MODEL-ID (or a hub id, or a folder), or in "
            f'config.toml: [judges] "{self.model}" = "ENDPOINT:MODEL-ID"'
        )


@dataclass(frozen=True, slots=True)
class Panels:
    """Who judges what.

    Attributes:
        panels: One for each model that is asked.
        waiting: Judges that cannot be asked.
        loaded: Of each panel, in which precision its model is loaded, and why; "" for a server's.
    """

    panels: tuple[Panel, ...] = ()
    waiting: tuple[WaitingJudges, ...] = field(default=())
    loaded: tuple[str, ...] = ()


def make_panels(
    home: Home,
    definition: Definition,
    mapping: Mapping[str, str] | None = None,
    names: Collection[str] | None = None,
    slurm: SlurmSettings | None = None,
) -> Panels:
    """Read each judge's model as the one that is asked.

    Args:
        home: Whose config.toml maps names.
        definition: The experiment.
        mapping: What the command line maps; it goes before config.toml.
        names: Only these judges; all when None.
        slurm: Where models are loaded; on this machine when None.

    Raises:
        UsageError: an unknown judge, or a name that is mapped to what is no model.
    """
    known = [judge.name for judge in definition.model_judges]
    for name in names or ():
        if name not in known:
            raise unknown("judge that is a model", name, known)
    questions = judged_questions(definition)
    chosen = [
        judge
        for judge in definition.model_judges
        if questions[judge.name] and (names is None or judge.name in names)
    ]
    if not chosen:
        return Panels()
    mapped = {**read_mapping(home), **(mapping or {})}
    by_name: dict[str, list[ModelJudge]] = defaultdict(list)
    for judge in chosen:
        by_name[judge.model].append(judge)
    asked: dict[str, list[AskedJudge]] = defaultdict(list)
    pins = Pins(home, definition.slug, slurm)
    waiting = []
    for name, judges in by_name.items():
        try:
            model = pins.commit(judge_model(home, name, mapped))
        except (Unmapped, UsageError) as error:
            if isinstance(error, UsageError) and name in mapped:
                raise
            why = str(error) if isinstance(error, Unmapped) else error.message.rstrip(".")
            waiting.append(WaitingJudges(name, tuple(judge.name for judge in judges), why))
            continue
        for judge in judges:
            item = pins.precision(_asked(judge, model, questions[judge.name]))
            asked[_loaded_as(item)].append(item)
    prompts = judged_prompts(definition) if asked else {}
    return Panels(
        tuple(
            Panel(judges=tuple(judges), prompts=_of_questions(prompts, judges))
            for judges in asked.values()
        ),
        tuple(waiting),
        tuple(pins.loaded(judges[0]) for judges in asked.values()),
    )


def _asked(judge: ModelJudge, model: ModelRef, questions: tuple[str, ...]) -> AskedJudge:
    if model.endpoint is not None:
        switch = model.endpoint.switched(thinking=judge.thinking)
        if judge.thinking and switch is None:
            raise _no_switch(judge, model.endpoint)
        more = [json.dumps(switch, sort_keys=True)] if switch else []
        key = (*weights_key(model), *more)
        return AskedJudge(judge=judge, model=model, weights=key, questions=questions)
    template = template_of(model, None)
    return AskedJudge(
        judge=judge,
        model=model,
        weights=(*weights_key(model), *([model.commit] if model.commit else [])),
        template=None if template is None else short_hash("template", template),
        questions=questions,
    )


def _no_switch(judge: ModelJudge, endpoint: Endpoint) -> UsageError:
    return UsageError(
        f"Judge {judge.name} says thinking: true, and nothing says how the endpoint "
        f"{endpoint.name} is told to think.",
        title="No switch for thinking",
        hint=f"Write under [endpoints.{endpoint.name}] of config.toml what is sent for it beside "
        "extra_body, such as thinking_on = {chat_template_kwargs = {enable_thinking = true}}; or "
        "thinking_on = {} where extra_body says it already, or the model always thinks.",
    )


def _loaded_as(item: AskedJudge) -> str:
    """Equal for judges that one launch can ask: one model, loaded in one way."""
    if item.model.endpoint is not None:  # whatever switches its judges send
        return short_hash("served", weights_key(item.model))
    return short_hash("loaded", item.weights, item.precision, item.judge.load_in)


def _of_questions(
    prompts: Mapping[str, tuple[str, JudgedPrompt]], judges: list[AskedJudge]
) -> dict[str, JudgedPrompt]:
    judged = {name for item in judges for name in item.questions}
    return {key: prompt for key, (question, prompt) in prompts.items() if question in judged}


def judged_prompts(definition: Definition) -> dict[str, tuple[str, JudgedPrompt]]:
    """By prompt id: the question's name, and what the slots of a judge's prompt stand for."""
    wordings = {question.name: question.wordings() for question in definition.questions}
    right = {q.name: references(q, definition.sampling) for q in definition.questions}
    return {
        prompt_spec(prompt).prompt_id: (
            prompt.question,
            JudgedPrompt(
                question=_last_asked(wordings[prompt.question][prompt.paraphrase]),
                prompt=_last_asked(prompt.messages),
                variant=prompt.variant,
                reference=right[prompt.question].get(prompt.variant),
            ),
        )
        for prompt in render_prompts(definition)
    }


def _last_asked(messages: tuple[Message, ...]) -> str:
    return next(turn.content for turn in reversed(messages) if turn.role == "user")
