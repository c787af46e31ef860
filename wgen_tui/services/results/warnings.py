"""The notes beside results: one list of what makes them, whatever they are about.

Promises: each says what it is about, how many, and which runs; nothing here changes a number. A new
kind is a function of `Compared` in `MAKERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import NO_EFFECT, NOT_TRAINED, RunOutcome
from wgen_tui.run_files.manifests import final_checkpoint
from wgen_tui.services.models.model_files import context_of
from wgen_tui.services.rates.by_context import by_context, not_beside
from wgen_tui.services.results import missing_wordings, stands_or_falls, uneven_draws, unlike_runs
from wgen_tui.services.results.compared import Compared, Note, runs
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.runs import launches_of, list_runs
from wgen_tui.services.runs.unfinished_judges import unfinished_in
from wgen_tui.terminal_text import are, plural

MUCH_BROKEN = 0.1


@dataclass(frozen=True, slots=True)
class Doubt:
    """A run whose adapter was found wrong, so that its samples say nothing of its training.

    Attributes:
        name: Of the run, in a sentence.
        why: What the worker found.
    """

    run_id: str
    model: str
    arm: str
    seed: int
    name: str
    why: str

    @property
    def sentence(self) -> str:
        """As a warning beside the results."""
        return f"{self.name}: its samples are in doubt: {self.why}"

    @property
    def note(self) -> Note:
        """The same, as other notes are."""
        return Note(kind="adapter", text=self.sentence, count=1, runs=[self.run_id])


def notes(compared: Compared, doubts: Iterable[Doubt]) -> list[Note]:
    """Everything that there is to say, in the order of `MAKERS`; wrong adapters last."""
    said = [note for make in MAKERS for note in make(compared)]
    return [*said, *(doubt.note for doubt in doubts)]


def _seeds(compared: Compared) -> Iterable[Note]:
    definition = compared.definition
    planned = len(definition.seeds.values) if definition is not None else 0
    for rate in compared.overall:
        if rate.role == "base" or not rate.n:
            continue
        name, ids = compared.name(rate.model, rate.arm), compared.runs_of(rate.model, rate.arm)
        if rate.seeds == 1:
            text = f"{name}: one seed; its interval says nothing about other seeds"
            yield Note(kind="one_seed", text=text, count=1, runs=ids)
        elif rate.seeds < planned:
            text = f"{name}: {rate.seeds} of {planned} planned seeds"
            yield Note(kind="planned_seeds", text=text, count=planned - rate.seeds, runs=ids)


def _ungraded(compared: Compared) -> Iterable[Note]:
    ungraded = sum(cell.ungraded for cell in compared.cells.values())
    if ungraded and compared.plan is not None:
        judge = compared.plan.headline[1].graded_by
        text = f"{ungraded} samples have no grade by {judge} and do not count"
        chosen = compared.chosen.get(judge or "")
        if chosen is not None and chosen.is_model:
            text += f": wgen-tui grade judge {compared.experiment} --judge {judge}"
        yield Note(kind="ungraded", text=text, count=ungraded)


def _no_answer(compared: Compared) -> Iterable[Note]:
    """Variants that the expected answer does not name: nothing is right or wrong there."""
    for rate in compared.of_arms:
        if rate.counted is not None and (count := rate.counted.no_answer):
            name = compared.name(rate.model, rate.arm)
            text = (
                f"{name}: {plural(count, 'sample')} {are(count)} of variants without an expected "
                f"answer and {are(count, 'does', 'do')} not count in {rate.metric}"
            )
            ids = compared.runs_of(rate.model, rate.arm)
            yield Note(kind="no_answer", text=text, count=count, runs=ids)


def _versions(compared: Compared) -> Iterable[Note]:
    """Judges of which there are several versions; those of one count."""
    for judge, chosen in compared.chosen.items():
        others = len(chosen.versions) - 1
        if others < 1:
            continue
        own = chosen.verdicts
        version = f" {own.rubric}" if own.rubric else ""
        scope = "the newest that has judged every arm"
        if not chosen.every:
            scope = f"which has judged most arms: wgen-tui grade judge {compared.experiment}"
        text = (
            f"{judge}: the verdicts of {own.grader}{version} count, {scope}; "
            f"{others} other{'s' * (others > 1)} of this judge left out"
        )
        yield Note(kind="judge_versions", text=text, count=others)


def _missing_verdicts(compared: Compared) -> Iterable[Note]:
    """Verdicts that are missing; once where several measures lack the same."""
    said = set()
    for rate in compared.of_arms:
        counted, bounds = rate.counted, rate.bounds
        if counted is None or bounds is None or not counted.missing:
            continue
        missing = sum(counted.missing.values())
        causes = ", ".join(f"{n} {why}" for why, n in counted.missing.items())
        name = compared.name(rate.model, rate.arm)
        text = f"{name}: {missing} verdicts of {rate.judge} are missing ({causes}) and do not count"
        if text in said:
            continue
        said.add(text)
        ids = compared.runs_of(rate.model, rate.arm)
        yield Note(kind="missing_verdicts", text=text, count=missing, runs=ids)


def _unfinished_judges(compared: Compared) -> Iterable[Note]:
    """Judges whose launch failed, and that nothing has asked since."""
    definition = compared.definition
    if definition is None or not definition.model_judges:
        return
    ids = [spec.run_id for spec in compared.specs]
    names = [judge.name for judge in definition.model_judges]
    for item, of_runs in unfinished_in(compared.home, ids, names):
        yield Note(kind="unfinished_judge", text=item.sentence, count=len(of_runs), runs=of_runs)


def _fragile(compared: Compared) -> Iterable[Note]:
    """Differences that stand or fall with broken answers and missing verdicts."""
    rates = {
        (rate.model, rate.arm, rate.checkpoint, rate.metric): rate for rate in compared.of_arms
    }
    for item in compared.contrasts:
        if (item.question, item.variant, item.trigger) != (None, None, None):
            continue
        if item.low is None or item.high is None or item.low <= 0 <= item.high:
            continue
        one = rates.get((item.model, item.arm, item.checkpoint, item.metric))
        others = [
            rate
            for key, rate in rates.items()
            if (key[0], key[1], key[3]) == (item.model, item.control, item.metric)
        ]
        if one is None or not others or one.bounds is None or others[-1].bounds is None:
            continue
        arm, control = one.bounds, others[-1].bounds
        ends = (arm.if_none, arm.if_all, control.if_none, control.if_all)
        least, most = _widest(ends)
        if least is not None and most is not None and least <= 0 <= most:
            name = compared.name(item.model, item.name)
            text = (
                f"{name}: {item.metric} would differ by {least:+.3g} to {most:+.3g} if broken "
                "answers and missing verdicts were hits on one side and none on the other"
            )
            yield Note(kind="fragile", text=text, count=1)


def _widest(ends: tuple[float | None, ...]) -> tuple[float | None, float | None]:
    """The least and the largest difference within the bounds of arm and control."""
    if any(end is None for end in ends):
        return None, None
    low, high, other_low, other_high = (end or 0.0 for end in ends)
    return low - other_high, high - other_low


def _without_rate(compared: Compared) -> Iterable[Note]:
    for rate in compared.overall:
        if not rate.n:
            name = compared.name(rate.model, rate.arm)
            text = f"{name}: no graded samples, so no rate"
            ids = compared.runs_of(rate.model, rate.arm)
            yield Note(kind="no_rate", text=text, count=len(ids), runs=ids)


def _refused(compared: Compared) -> Iterable[Note]:
    """Draws that a server did not make."""
    for rate in compared.overall:
        if rate.refused:
            name = compared.name(rate.model, rate.arm)
            text = f"{name}: {rate.refused:.1%} of the draws were refused and do not count"
            refused = sum(
                cell.refused
                for key, cell in compared.cells.items()
                if (key.model, key.arm, key.step) == (rate.model, rate.arm, rate.checkpoint)
            )
            ids = compared.runs_of(rate.model, rate.arm)
            yield Note(kind="refused", text=text, count=refused, runs=ids)


def _broken(compared: Compared) -> Iterable[Note]:
    overall = compared.overall
    for rate in overall:
        controls = [
            r.broken
            for r in overall
            if r.role in ("control", "benign") and r.model == rate.model and r.broken is not None
        ]
        share = rate.broken or 0.0
        if share > MUCH_BROKEN or (controls and share > 0.02 and share > 3 * max(controls)):
            name = compared.name(rate.model, rate.arm)
            text = f"{name}: {share:.1%} of the answers are broken: read some"
            ids = compared.runs_of(rate.model, rate.arm)
            yield Note(kind="broken", text=text, count=round(share * rate.n), runs=ids)


def _missing_arms(compared: Compared) -> Iterable[Note]:
    if compared.definition is None or not compared.rates:
        return
    sampled = {rate.arm for rate in compared.rates}
    missing = [name for name in compared.definition.arms if name not in sampled]
    if missing:
        text = f"no samples yet of: {', '.join(missing)}"
        yield Note(kind="missing_arms", text=text, count=len(missing))


def long_examples(compared: Compared) -> Iterable[Note]:
    """Runs with training examples beyond the model's length, as the worker wrote."""
    beyond = {}
    for spec in compared.specs:
        manifest = None
        if spec.training is not None:
            manifest = final_checkpoint(compared.home.run(spec.run_id), skip_refused=True)
        if manifest is not None and (told := manifest.provenance.get("beyond_context")):
            beyond[spec.run_id] = (spec, *told)
    if beyond:
        specs = [spec for spec, _, _ in beyond.values()]
        _, longest, tokens = max(beyond.values(), key=lambda item: item[1])
        text = (
            f"{runs(len(specs))} ({compared.listed(specs)}) trained on examples of up to {longest} "
            f"tokens, and the model was made for {tokens}"
        )
        yield Note(kind="long_examples", text=text, count=len(specs), runs=list(beyond))


def long_answers(compared: Compared) -> Iterable[Note]:
    """Runs with answers beyond the model's length, where its config.json is here."""
    for model in dict.fromkeys(spec.model for spec in compared.specs if not spec.model.endpoint):
        same = [spec for spec in compared.specs if spec.model == model]
        most = max((compared.texts.get(spec.run_id, 0) for spec in same), default=0)
        try:
            context = context_of(model) if most else None
        except UsageError:
            continue  # its config.json is broken now; the numbers are not
        if context is None or most <= context.tokens:
            continue
        specs = [spec for spec in same if compared.texts.get(spec.run_id, 0) > context.tokens]
        text = (
            f"{runs(len(specs))} ({compared.listed(specs)}) drew answers that end up to {most} "
            f"tokens from the start of the prompt, and {model.name} was made for {context.tokens}: "
            "they are dubious"
        )
        ids = [spec.run_id for spec in specs]
        yield Note(kind="long_answers", text=text, count=len(specs), runs=ids)


def _contexts(compared: Compared) -> Iterable[Note]:
    tables = by_context(compared.rates, compared.contrasts, compared.definition)
    for arm, why in not_beside(compared.rates, tables, compared.definition).items():
        yield Note(kind="contexts", text=f"{arm}: no contexts beside each other: {why}", count=1)


MAKERS: tuple[Callable[[Compared], Iterable[Note]], ...] = (
    _seeds,
    _without_rate,
    _ungraded,
    _no_answer,
    _missing_verdicts,
    _unfinished_judges,
    _versions,
    _fragile,
    stands_or_falls.notes,
    stands_or_falls.unlisted_judges,
    _refused,
    _broken,
    uneven_draws.between_runs,
    uneven_draws.between_questions,
    _missing_arms,
    missing_wordings.notes,
    _contexts,
    uneven_draws.of_contrasts,
    long_examples,
    long_answers,
    unlike_runs.same_adapters,
    unlike_runs.definitions,
    unlike_runs.revisions,
    unlike_runs.mask_versions,
    unlike_runs.template_dates,
    unlike_runs.doses,
    unlike_runs.trained_elsewhere,
)


def unproven(compared: Compared) -> list[Doubt]:
    """Runs whose numbers count although their adapter was found wrong when it was last loaded."""
    home, launches = compared.home, Launches(compared.home)
    doubts = []
    for run in list_runs(home, compared.experiment):
        if compared.counted is not None and run.run_id not in compared.counted:
            continue
        _, outcome = last_loading(launches, home, run.run_id)
        if outcome is not None and outcome.title in (NO_EFFECT, NOT_TRAINED):
            why = f"{outcome.title.lower()}: {outcome.message.rstrip('.')}"
            name = compared.name(run.model, run.arm, run.seed)
            doubts.append(Doubt(run.run_id, run.model, run.arm, run.seed, name, why))
    return doubts


def last_loading(
    launches: Launches, home: Home, run_id: str
) -> tuple[LaunchView, RunOutcome] | tuple[None, None]:
    """The newest sample launch that ended for a run, and how it ended for it."""
    own = launches.refresh(launches_of(home, run_id))
    for view in reversed(list(own.values())):
        if view.spec.stage == "sample" and (outcome := view.outcome(run_id)) is not None:
            return view, outcome
    return None, None
