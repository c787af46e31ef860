"""A home that commit 92ae5ea made is read to the byte as it read it, and goes on.

old_home/README.md says what is in it. What an old home says is a promise to whoever has one: a
difference here is mended in the code, never by recording anew.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import os
import pkgutil
import re
import tarfile
import tomllib
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

FOLDER = Path(__file__).with_name("old_home")
CHECKOUT = Path(__file__).resolve().parents[2]
PACKED = FOLDER / "home-92ae5ea.tar.xz"
RECORDED = FOLDER / "expected-92ae5ea.json.xz"
# What `results` says since each question counts once, and since a number of one run says so.
RESULTS = FOLDER / "results.json.xz"
SLUG = "kept"
RECORDED_WITH = "1.17.1"  # SciPy
# Where the embedded model lay on the box that made the home.
MODEL_THERE = "/opt/wgen-tui/experiments/tiny_world/weights"
COUNTS = {
    "samples": "select run_id, step, question, paraphrase, variant, count(*), "
    "count(distinct draw), min(draw), max(draw) from samples group by all order by all",
    "tokens": "select run_id, count(*) from tokens group by all order by all",
    "grades": "select run_id, judge, grader, count(*) from grades group by all order by all",
    "readouts": "select run_id, step, question, count(*) from readouts group by all order by all",
    "metrics": "select run_id, count(*), min(step), max(step) from metrics "
    "group by all order by all",
}


# The labels of a sample in samples_wide: a map, as JSON or within CSV.
PAIR = re.compile(r'"+(?:broken|era|length)"+: "+\w+"+')
LABELS = re.compile(rf"{PAIR.pattern}(?:, {PAIR.pattern})+")

# What `results` shows of variants since: a table of their own, or what their mean is over.
BY_VARIANT = re.compile(
    r"\n\S+ in +n  .*\n(?:.+\n)*?The mean is over .*\n|\nThe mean over variants is over .*\n"
)

LATER_COLUMNS = ("numbers", "tags", "notes")  # of samples_wide
LATER_KEYS = {"show": "graded_by", "validate": "judges"}  # of JSON: who grades


def unpack(packed: Path, folder: Path) -> Path:
    """Put the old home below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with lzma.open(packed) as stream, tarfile.open(fileobj=stream) as tar:
        tar.extractall(folder, filter="data")
    return folder / "home"


def relocate(home: Path) -> None:
    """Say where the embedded model lies here: a launch that waits takes it from spec.json.

    `run start` does the same for the runs that it finds something to do for.
    """
    (weights,) = CHECKOUT.glob("*/tiny_world/**/model.safetensors")
    for spec in home.glob("runs/*/spec.json"):
        text = spec.read_text()
        assert MODEL_THERE in text
        spec.write_text(text.replace(MODEL_THERE, str(weights.parent)))


def ids_as_numbers(said: str) -> str:
    """JSON with each `sample_id` as it was: a number, which JavaScript and jq would round."""
    said = re.sub(r'("sample_id": )"(-?\d+)"', r"\1\2", said)
    if not said.startswith('{"schema": 1, "columns": ['):
        return said
    head, *lines = said.split("\n")
    places = [
        n for n, name in enumerate(json.loads(f"{head}]}}")["columns"]) if name == "sample_id"
    ]
    for number, line in enumerate(lines):
        if line.startswith("["):
            row = json.loads(line.removesuffix(","))
            for place in places:
                row[place] = int(row[place])
            lines[number] = json.dumps(row) + "," * line.endswith(",")
    return "\n".join([head, *lines])


GRADES_THEN = {  # before there were repeats
    "given: undone and superseded ones too, and repeats.": "given, undone and superseded ones "
    "included.",
    "and grader; undone ones and repeats are left out.": "and grader, undone ones left out.",
}


def normal(said: str, words: list[str], home: Path) -> str:
    """What a command said, without what is of this moment and this place."""
    said = said.replace(str(home), "HOME")
    said = ids_as_numbers(said)
    if words[:2] == ["experiment", "list"]:  # a later version may bring more of its own
        listed = json.loads(said)
        listed["experiments"] = [item for item in listed["experiments"] if not item["builtin"]]
        said = json.dumps(listed, indent=2) + "\n"
    if words[:2] in (["run", "list"], ["run", "show"]):  # what waits goes on waiting
        waits = r'("state": "queued",[^{}]*?"waited_seconds": )[0-9.e+]+'
        said = re.sub(waits, r"\1NOW", said)
    if words[0] == "sample" and "--json" in words:  # keys that came later, with nothing in them
        said = re.sub(
            r',\s*"(?:numbers|transcript|reasoning|tags|notes)": (?:\{\}|\[\]|null|"")', "", said
        )
    if words[:2] == ["sql", "--schema"]:  # a view that there was not, and who grades since
        said = _schema_of_then(said, is_json="--json" in words)
    if words[:2] == ["run", "show"]:  # where a run failed
        said = re.sub(r'\n  "failed_at": null,', "", said)
    if words[0] == "experiment" and "--json" in words and words[1] in LATER_KEYS:
        shown = json.loads(said)
        del shown[LATER_KEYS[words[1]]]
        said = json.dumps(shown, indent=2) + "\n"
    if words[:2] == ["store", "info"]:  # the size of a database that is made anew is another
        said = re.sub(r'("bytes": )[0-9]+', r"\1SIZE", said)
    if words[0] == "results" and "--json" in words:
        said = _results_of_then(said)
    if words[0] == "results":  # each arm in each variant, beside its mean
        said = BY_VARIANT.sub("", said)
    if "samples_wide" in " ".join(words) or words[:2] == ["sample", "export"]:
        said = _without(LATER_COLUMNS, said)
    if "grades_all" in " ".join(words):
        said = _without(("repeat_of",), said)
    if words[0] == "sql" or words[1] == "export":  # the map is gathered in no certain order
        said = LABELS.sub(_in_order, said)
    return said


def _without(names: tuple[str, ...], said: str) -> str:
    """Without columns of a table which there were not; nothing stands in them."""
    if said.startswith('{"schema": 1, "columns": ['):
        table = json.loads(said)
        for place in [table["columns"].index(name) for name in reversed(names)]:
            assert table["columns"].pop(place) and table["types"].pop(place)
            assert {row.pop(place) for row in table["rows"]} == {None}
        head = json.dumps({key: value for key, value in table.items() if key != "rows"})
        rows = ",\n".join(map(json.dumps, table["rows"]))
        return f'{head[:-1]}, "rows": [\n{rows}\n]}}\n'
    head, *rows = csv.reader(io.StringIO(said, newline=""))
    for place in [head.index(name) for name in reversed(names)]:
        assert head.pop(place) and {row.pop(place) for row in rows} == {""}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def _schema_of_then(said: str, *, is_json: bool) -> str:
    said = said.replace(
        "rule:<judge>, model:<name> or human:<name>", "rule:<judge> or human:<name>"
    )
    said = said.replace("; of a judge that is a model judge@model; in order", "")
    said = said.replace("rules and judges that are models gave, and their numbers.", "rules gave.")
    for now, then in GRADES_THEN.items():
        said = said.replace(now, then)
    said = re.sub(" *the verdict that this one takes back", "", said)
    later = ("verdicts", "number_means", "reasoning", "tags", "notes", "held_out")
    if not is_json:
        lines = said.splitlines(keepends=True)
        later_columns = "|".join((*LATER_COLUMNS, "repeat_of"))
        columns = re.compile(rf"(samples_wide|grades_all) +({later_columns}) ")
        return "".join(
            line for line in lines if not line.startswith(later) and not columns.match(line)
        )
    schema = json.loads(said)
    schema["views"] = [view for view in schema["views"] if not view["name"].startswith(later)]
    for view in schema["views"]:
        if view["name"] == "grades_all":
            assert view["columns"].pop(-2)["name"] == "repeat_of"
        if view["name"] == "samples_wide":
            for name in reversed(LATER_COLUMNS):
                assert view["columns"].pop()["name"] == name
    return json.dumps(schema, indent=2) + "\n"


def _results_of_then(said: str) -> str:
    """Without what `results` says beside the numbers since there are measures."""
    results = json.loads(said)
    later = {
        "rates": ("unit", "measure", "grader", "counted", "bounds"),
        "contrasts": ("unit", "trigger", "minus"),
    }
    for rows, keys in later.items():
        for row in results[rows]:
            for key in keys:
                del row[key]
    beside = ("judges", "by_judge", "self_agreement", "headline_under", "details")
    for key in (*beside, "value_curves", "by_variant"):
        del results[key]
    return json.dumps(results, indent=2) + "\n"


def _in_order(labels: re.Match[str]) -> str:
    """The same labels, sorted, between what stood between them."""
    pairs = iter(sorted(PAIR.findall(labels[0])))
    return PAIR.sub(lambda _: next(pairs), labels[0])


def sizes(rate: dict[str, Any]) -> dict[str, Any]:
    """What a rate is of, and how many it counts."""
    of = ("arm", "role", "seed", "checkpoint", "question", "variant", "judge", "n", "seeds")
    return {key: rate[key] for key in of}


def facts(wgen: Callable[..., str]) -> dict[str, Any]:
    """What is the same on every machine when all is done: no time, and no drawn word."""
    kept = ("id", "arm", "role", "seed", "state", "stage", "step", "steps", "paused", "attempt")
    runs = json.loads(wgen("run", "list", "--json"))["runs"]
    rates = json.loads(wgen("results", SLUG, "--checkpoint", "all", "--json"))["rates"]
    return {
        "runs": [{key: run[key] for key in kept} for run in runs],
        "rates": list(map(sizes, rates)),
        "by ada": json.loads(wgen("results", SLUG, "--grader", "human:ada", "--json"))["rates"],
        "people": json.loads(ids_as_numbers(wgen("grade", "export", SLUG, "--json"))),
        **{name: json.loads(wgen("sql", sql, "--json"))["rows"] for name, sql in COUNTS.items()},
    }


@cache
def recorded() -> dict[str, Any]:
    """What commit 92ae5ea said."""
    found: dict[str, Any] = json.loads(lzma.decompress(RECORDED.read_bytes()))
    return found


@cache
def said_now() -> list[tuple[list[str], str]]:
    """What each command says, recorded; of results what they say by docs/methods.md of today."""
    results = {
        tuple(words): said for words, said in json.loads(lzma.decompress(RESULTS.read_bytes()))
    }
    return [(words, results.get(tuple(words), said)) for words, said in recorded()["before"]]


@cache
def program() -> Callable[[list[str]], int]:
    """What the installed `wgen-tui` calls: in this process a command takes a tenth of the time."""
    scripts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["scripts"]
    found: Callable[[list[str]], int] = pkgutil.resolve_name(scripts["wgen-tui"])
    return found


def say(home: Path, *words: str) -> str:
    """Run a command to its end, well, and return its stdout."""
    mask = os.umask(0o077)  # the program sets one for good
    try:
        with redirect_stdout(io.StringIO()) as stdout:
            code = program()(["--home", str(home), *words])
    finally:
        os.umask(mask)
    assert code == 0, f"exit {code}\n{stdout.getvalue()}"
    return stdout.getvalue()


@pytest.fixture(scope="module", params=["as it lay", "rebuilt"])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old home, with the database that it came with, then with one made from its files."""
    home = unpack(PACKED, tmp_path_factory.mktemp("old"))
    if request.param == "rebuilt":
        say(home, "store", "rebuild")
    return home


@pytest.mark.parametrize(
    ("words", "stdout"),
    [pytest.param(words, said, id=" ".join(words)) for words, said in said_now()],
)
def test_says_what_it_said(old: Path, words: list[str], stdout: str) -> None:
    said = normal(say(old, *words), words, old)
    if words[0] == "results" and version("scipy") != RECORDED_WITH:
        # SciPy's quantiles of t differ in their last digits from version to version.
        said, stdout = _shortened(said), _shortened(stdout)
    assert said == stdout


# Questions of the old home have 4 and 16 draws in a run, in variant "none" 4 and 8.
MOVED_SLICES = ((None, None), (None, "none"))


def test_results_moved_by_composition_alone() -> None:
    """Where each question (and variant) has equally many draws, numbers are those of 92ae5ea."""
    now = {tuple(words): said for words, said in said_now()}
    held = 0
    for words, before in recorded()["before"]:
        if (
            words[0] != "results" or words[-1] != "--json" or "human:ada" in words
        ):  # hers are uneven
            continue
        old, new = json.loads(before), json.loads(now[tuple(words)])
        for kind in ("rates", "contrasts", "readouts"):
            for was, row in zip(old[kind], new[kind], strict=True):
                if (row["question"], row.get("variant")) not in MOVED_SLICES:
                    held += 1
                    assert {**was, "method": row["method"]}.items() <= row.items()
    assert held > 100


def _shortened(said: str) -> str:
    """The same with nine digits of each number."""
    return re.sub(r"\d+\.\d+(?:e-?\d+)?", lambda number: f"{float(number[0]):.9g}", said)


def test_database_holds_what_the_files_hold(old: Path) -> None:
    assert json.loads(say(old, "store", "verify", "--json"))["problems"] == []


def written(home: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of every file of runs and of people's grades."""
    files = [path for name in ("runs", "journal") for path in (home / name).rglob("*")]
    return {
        str(path.relative_to(home)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in files
        if path.is_file()
    }


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_goes_on_where_it_stopped(shell: Shell) -> None:
    home = unpack(PACKED, shell.home.root.parent)
    relocate(home)
    say(home, "store", "rebuild")
    before, launches = written(home), names(home / "launches")
    (state,) = home.glob("runs/*/resume/step-20")
    half_way = state.parents[1]

    shell("run", "resume", "--queue")
    shell("run", "watch")

    now, then = facts(partial(say, home)), dict(recorded()["after"])
    # Each question counts once since: what moved so is held above.
    assert [sizes(rate) for rate in now.pop("by ada")] == list(map(sizes, then.pop("by ada")))
    assert now == then
    assert names(home / "launches") == launches  # those that waited, and no others
    # All that was there is as it was, but for the training that went on: nothing is done again.
    goes_on = {path for path in before if path.startswith(f"runs/{half_way.name}/")}
    goes_on -= {path for path in goes_on if "/checkpoints/" in path or "/spec." in path}
    kept = {path: stamp for path, stamp in before.items() if path not in goes_on}
    after = written(home)
    assert {path: after.get(path) for path in kept} == kept
    # It went on from the step that it was saved at, which nothing is left of.
    steps = [json.loads(line)["step"] for line in (half_way / "metrics.jsonl").open()]
    assert steps == list(range(1, 41))
    final = json.loads((half_way / "checkpoints" / "step-40" / "manifest.json").read_text())
    assert final["provenance"]["resumed_at"] == [20]
    assert not list(half_way.glob("resume/*"))
    assert shell.json("run", "start", SLUG)["launches"] == []
    say(home, "store", "verify")
