"""What is swept: `sweep:` puts an arm for each value in the place of every arm.

Keys of sampling put a variant for each value in the place of every variant (`spread_sampling`).

Promises: what reads a definition sees plain arms, and entries of `training.for` that say in what
each is trained otherwise; a key of arms goes to the arms that have its part; contrasts and figures
of others follow their arms, value for value; a problem in a value is told where it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from experiments.errors import DefinitionError, Problem
from experiments.readers.spread_sampling import spread_sampling
from experiments.schema.sweeps.arm_keys import ALONE, changed, has, is_of_arm, sweepable_of_arms
from experiments.schema.sweeps.sampling_keys import is_of_sampling, meant, sweepable_of_sampling
from experiments.schema.sweeps.training import PARTS, TrainingSweep, sweepable
from experiments.sources import Sources
from experiments.suggest import did_you_mean
from experiments.yaml_source import KeyPath

SECTION: KeyPath = ("sweep",)
Entry = dict[str, Any]
Ends = list[tuple[str, Entry]]


def spread_training(value: Entry, sources: Sources) -> None:
    """Spread the arms; a section of another shape is left to the schema.

    Args:
        value: The definition as it was read; its arms, training and contrasts are replaced.
        sources: Learns where what is made was written.

    Raises:
        DefinitionError: it names a key or an arm that there is not.
    """
    try:
        sweep = TrainingSweep.model_validate(value.get("sweep"))
    except ValidationError:
        return
    arms, training = value.get("arms"), value.get("training")
    if not isinstance(arms, dict) or not isinstance(training, dict):
        return
    if problems := [*_unknown(sweep, arms, sources)]:
        raise DefinitionError(*problems)
    of_sampling = {key: given for key, given in sweep.keys.items() if is_of_sampling(key)}
    if of_sampling:
        spread_sampling(value, sweep.model_copy(update={"keys": of_sampling}), sources)
    others = {key: given for key, given in sweep.keys.items() if key not in of_sampling}
    if not others:
        return
    sweep = sweep.model_copy(update={"keys": others})
    chosen = sweep.arms or tuple(name for name, arm in arms.items() if _takes(sweep, arm))
    ends = list(sweep.each())
    value["arms"] = _spread_arms(arms, chosen, ends, sources)
    # What lies between two arms follows them, and nothing is trained of it.
    about = tuple(name for name in chosen if not _lies_between(arms[name])) or chosen
    value["training"] = _spread_entries(training, chosen, about, ends, sources)
    _follow(value, chosen, [end for end, _ in ends], sources)


def _unknown(sweep: TrainingSweep, arms: Entry, sources: Sources) -> Iterator[Problem]:
    if sweep.arms and all(map(is_of_sampling, sweep.keys)):
        why = "Answers are drawn alike from every arm, so nothing of an arm is swept."
        yield sources.problem((*SECTION, "arms"), why, "Leave arms out.")
        return
    for name in sweep.arms or ():
        if name not in arms:
            hint = did_you_mean(name, list(arms))
            yield sources.problem((*SECTION, "arms"), f"There is no arm {name!r}.", hint)
        elif lacks := [key for key in sweep.keys if is_of_arm(key) and not has(arms[name], key)]:
            part = "data" if lacks[0] in ALONE else lacks[0].partition(".")[0]
            why = f"The arm {name!r} has no {part} to sweep {lacks[0]} in."
            yield sources.problem((*SECTION, "arms"), why, "Leave the arm out, or give it one.")
        elif not _takes(sweep, arms[name]):
            why = f"Nothing is trained in arm {name!r}, so its arms would be the same."
            yield sources.problem((*SECTION, "arms"), why, "Leave it out.")
    for key, values in sweep.keys.items():
        of_keys = isinstance(values, dict) and all(isinstance(v, dict) for v in values.values())
        drawn = sweepable_of_sampling()
        known = [*sweepable(), *sweepable_of_arms(), *drawn]
        if key not in known and (not of_keys or is_of_sampling(key)):
            why = f"{key!r} is no key of training, arms or sampling that may differ here."
            hint = meant(key) or did_you_mean(key, drawn if is_of_sampling(key) else known)
            yield sources.problem((*SECTION, "keys", key), why, hint)
        elif key in drawn:
            continue
        elif key in known and not any(_takes(sweep, arm) for arm in arms.values()):
            why = f"No arm has what {key!r} says."
            hint = f"Give one {key.partition('.')[0]}, or leave the key out."
            yield sources.problem((*SECTION, "keys", key), why, hint)


def _spread_arms(arms: Entry, chosen: tuple[str, ...], ends: Ends, sources: Sources) -> Entry:
    spread: Entry = {}
    for name, arm in arms.items():
        if name not in chosen or not isinstance(arm, dict):
            spread[name] = arm
            continue
        document, path = sources.place(("arms", name))
        for end, changes in ends:
            full = f"{name}-{end}"
            if full in arms or full in spread:
                why = f"There is an arm {full!r} already."
                raise DefinitionError(sources.problem(SECTION, why, "Rename it."))
            told = ", ".join(f"{key} {_told(value)}" for key, value in changes.items())
            spread[full] = {**arm, "description": f"{arm.get('description') or name}; {told}"}
            spread[full] |= _of_others(arm, chosen, end)
            for key, value in changes.items():
                if is_of_arm(key):
                    spread[full] |= changed(spread[full], key, value)
                    where = ("arms", full, *key.split("."))
                    sources.elsewhere[where] = (sources.main, (*SECTION, "keys", key))
            sources.elsewhere["arms", full] = (document, path)
    return spread


def _told(value: Any) -> str:
    """A value for people; of several keys each as `lora.r 4`."""
    if not isinstance(value, dict):
        return str(value)
    inner = [
        f"{key}.{name} {one}"
        for key, part in value.items()
        for name, one in (part.items() if isinstance(part, dict) else ())
    ]
    inner += [f"{key} {one}" for key, one in value.items() if not isinstance(one, dict)]
    return f"({', '.join(inner)})"


def _is_trained(arm: Any) -> bool:
    """Whether training's keys are about it; what is no arm is left to the schema."""
    return not (isinstance(arm, dict) and {"adapter", "in_context"} & {*arm})


def _takes(sweep: TrainingSweep, arm: Any) -> bool:
    """Whether an arm has all that the sweep changes of one, and training where that is swept."""
    of_arms = [key for key in sweep.keys if is_of_arm(key)]
    of_training = [key for key in sweep.keys if key not in of_arms and not is_of_sampling(key)]
    return all(has(arm, key) for key in of_arms) and (not of_training or _is_trained(arm))


def _lies_between(arm: Any) -> bool:
    return isinstance(arm, dict) and "between" in arm


def _of_others(arm: Entry, chosen: tuple[str, ...], end: str) -> Entry:
    """The arms that one goes on or learns from, where they are swept too: of the same values."""
    parent, derived, between = (arm.get(key) for key in ("start_from", "derived", "between"))
    said: Entry = {}

    def swept(text: Any) -> Any:
        name, at, step = text.partition("@") if isinstance(text, str) else ("", "", "")
        return f"{name}-{end}{at}{step}" if name in chosen else text

    if swept(parent) != parent:
        said["start_from"] = swept(parent)
    if isinstance(between, dict) and isinstance(between.get("arms"), list):
        said["between"] = {**between, "arms": [swept(name) for name in between["arms"]]}
    if isinstance(derived, dict) and derived.get("teacher") in chosen:
        said["derived"] = {**derived, "teacher": f"{derived['teacher']}-{end}"}
    return said


def _spread_entries(
    training: Entry,
    chosen: tuple[str, ...],
    about: tuple[str, ...],
    ends: Ends,
    sources: Sources,
) -> Entry:
    """Training with what differs for each arm behind what it says already."""
    given = training.get("for") or []
    if not isinstance(given, list):
        return training
    spread = {name: [f"{name}-{end}" for end, _ in ends] for name in chosen}
    entries: list[Any] = [_of_spread(entry, spread) for entry in given]
    for end, every in ends:
        changes = {key: value for key, value in every.items() if not is_of_arm(key)}
        if not changes:
            continue
        place = ("training", "for", len(entries))
        entry: Entry = {"arms": [f"{name}-{end}" for name in about]}
        for key, value in changes.items():
            part, dot, inner = key.partition(".")
            more = value if isinstance(value, dict) else {part: {inner: value} if dot else value}
            for name, one in more.items():
                keys = one if name in PARTS and isinstance(one, dict) else None
                entry[name] = {**entry.get(name, {}), **one} if keys is not None else one
                for leaf in keys or ("",):
                    where = (*place, name, *([leaf] if leaf else []))
                    sources.elsewhere[where] = (sources.main, (*SECTION, "keys", key))
        sources.elsewhere[place] = (sources.main, SECTION)
        entries.append(entry)
    return {**training, "for": entries} if entries else training


def _of_spread(entry: Any, spread: dict[str, list[str]]) -> Any:
    """An entry that names a swept arm, for each of what that became."""
    if not isinstance(entry, dict) or "arms" not in entry:
        return entry
    named = entry["arms"] if isinstance(entry["arms"], list) else [entry["arms"]]
    return {**entry, "arms": [full for name in named for full in spread.get(name, [name])]}


def _follow(value: Entry, chosen: tuple[str, ...], ends: list[str], sources: Sources) -> None:
    """Contrasts, and figures of others, of what the arms became."""
    plan = value.get("analysis")
    if isinstance(plan, dict) and isinstance(plan.get("contrasts"), list):
        path: KeyPath = ("analysis", "contrasts")
        listed = _spread_list(plan["contrasts"], ("arm", "control"), path, chosen, ends, sources)
        value["analysis"] = {**plan, "contrasts": listed}
    if isinstance(value.get("published"), list):
        figures = _spread_list(value["published"], ("arm",), ("published",), chosen, ends, sources)
        value["published"] = figures


def _spread_list(
    items: list[Any],
    keys: tuple[str, ...],
    path: KeyPath,
    chosen: tuple[str, ...],
    ends: list[str],
    sources: Sources,
) -> list[Any]:
    """Each item that names a swept arm once for each of its values, with where it stands."""
    listed: list[Any] = []
    places = [sources.place((*path, index)) for index in range(len(items))]
    for item, place in zip(items, places, strict=True):
        named = [k for k in keys if isinstance(item, dict) and item.get(k) in chosen]
        for end in ends if named else [""]:
            sources.elsewhere[*path, len(listed)] = place
            listed.append({**item, **{k: f"{item[k]}-{end}" for k in named}} if named else item)
    return listed
