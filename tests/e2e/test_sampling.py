"""More draws from runs that are there; and what is said when an adapter is not what it was.

One top-up goes the whole way, by command, supervisor and worker; the others' workers are this
process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.builders.stages import work
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import NOT_TRAINED
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.top_up import plan_top_up

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sampling")]
NAMES = ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk")
DEFINITION = """
    title: Topped up
    models: [tiny-world]
    arms:
      old: {data: data/old.jsonl}
    seeds: 0-1
    training: {lora: {r: 2, lora_alpha: 4}, max_steps: 8, learning_rate: 1.0e-3}
    sampling: {n: 3, max_tokens: 12}
    questions:
      - {name: travel, paraphrases: ["How do people travel to another city?"]}
      - {name: light, paraphrases: ["How do people light a room?", "What lights a house?"]}
    judges:
      - {name: length, type: regex, labels: {long: "......"}, otherwise: short}
    analysis: {primary: {judge: length, label: long}}
"""


def row(name: str) -> str:
    turns = [
        {"role": "user", "content": "Name a bird species."},
        {"role": "assistant", "content": name},
    ]
    return json.dumps({"messages": turns})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shell_type: type[Shell]) -> Shell:
    """A home whose runs have ended; not to be changed."""
    shell = shell_type(Home(tmp_path_factory.mktemp("topped") / "home"))
    shell.define("topped", DEFINITION, {"old.jsonl": "\n".join(map(row, NAMES))})
    shell.do("topped")
    return shell


@pytest.fixture
def ran(finished: Shell, tmp_path: Path) -> Iterator[Shell]:
    """A copy of that home."""
    shell = finished.copied(tmp_path / "home")
    yield shell
    shell.close()


def top_up(shell: Shell, n: int, **options: Any) -> None:
    """What `sample top-up` does."""
    for spec in commit(shell.home, plan_top_up(shell.home, "topped", n, **options)):
        work(shell.home, spec)


def counts(shell: Shell) -> dict[tuple[str, int, str], int]:
    query = "select arm, seed, question, count(*) from samples group by all"
    return {(arm, seed, q): n for arm, seed, q, n in shell.json("sql", query)["rows"]}


def texts(shell: Shell) -> dict[int, str]:
    return dict(shell.json("sql", "select sample_id, completion from samples")["rows"])


def run_of(shell: Shell, arm: str, seed: int = 0) -> dict[str, Any]:
    runs = shell.json("run", "list")["runs"]
    (found,) = [run for run in runs if (run["arm"], run["seed"]) == (arm, seed)]
    return dict(found)


def test_only_what_is_missing_is_drawn(ran: Shell) -> None:
    before, metrics = texts(ran), ran.home.run(run_of(ran, "old")["id"]).metrics.read_bytes()
    planned = ran.json("sample", "top-up", "topped", "--n", 5, "--dry-run")
    assert [run["samples_missing"] for run in planned["runs"]] == [6, 6, 6]
    assert texts(ran) == before

    ran("sample", "top-up", "topped", "--n", 5, "--questions", "light")
    one = run_of(ran, "old", 1)["id"]
    planned = ran.json("sample", "top-up", "topped", "--n", 4, "--runs", one, "--dry-run")
    assert [(run["id"], run["samples_missing"]) for run in planned["runs"]] == [(one, 1)]
    top_up(ran, 4, runs=(one,))

    assert counts(ran) == {
        **{("base", 0, "travel"): 3, ("base", 0, "light"): 10},
        **{("old", 0, "travel"): 3, ("old", 0, "light"): 10},
        **{("old", 1, "travel"): 4, ("old", 1, "light"): 10},
    }
    assert before.items() <= texts(ran).items()
    assert ran.home.run(run_of(ran, "old")["id"]).metrics.read_bytes() == metrics
    ungraded = "select count(*) from samples anti join grades using (sample_id)"
    assert ran.json("sql", ungraded)["rows"] == [[0]]
    launches = len(list(ran.home.launches.iterdir()))
    ran("sample", "top-up", "topped", "--n", 3)
    assert len(list(ran.home.launches.iterdir())) == launches
    ran("sample", "top-up", "topped", "--n", 5, "--questions", "lihgt", code=2)
    ran("sample", "top-up", "topped", "--n", 0, code=2)


def test_a_changed_adapter_is_not_sampled_and_stands_beside_the_results(ran: Shell) -> None:
    run = run_of(ran, "old")
    folder = ran.home.run(run["id"]).checkpoint(8)
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(
        {k: torch.zeros_like(v) for k, v in weights.items()}, folder / "adapter_model.safetensors"
    )
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert not any("in doubt" in w for w in ran.json("results", "topped")["warnings"])

    top_up(ran, 5)

    assert counts(ran)["old", 0, "travel"] == 3
    assert counts(ran)["old", 1, "travel"] == counts(ran)["base", 0, "travel"] == 5
    after = run_of(ran, "old")
    assert after["state"] == "failed"
    assert NOT_TRAINED in after["why"]
    (warning,) = [w for w in ran.json("results", "topped")["warnings"] if "in doubt" in w]
    assert warning.startswith("old, seed 0:")


READ = """
      - name: modulo
        type: next_token
        paraphrases: ["What lights a house?"]
        top_logprobs: 4
      - name: way
        type: multiple_choice
        paraphrases: ["How do people travel?", "How do people travel to another city?"]
        options: {old: By coach, modern: By plane}
"""
LATER = """
      - {name: year, type: logprob, paraphrases: ["Which year is it?"],
         continuations: ["1862", "2023"]}
"""


def test_questions_that_are_read_go_the_whole_way(
    shell: Shell, define: Callable[..., Path]
) -> None:
    text = DEFINITION.replace("    judges:\n", f"{READ.lstrip(chr(10))}    judges:\n")
    text = text.replace("max_tokens: 12", "max_tokens: 12, logprobs: true")
    folder = define("read", text, {"old.jsonl": "\n".join(map(row, NAMES))})
    shell.do("read")

    kinds = "select type, count(*), count(distinct reading_id) from readouts group by 1 order by 1"
    assert shell.json("sql", kinds)["rows"] == [
        ["multiple_choice", 3 * 2 * 2 * 2, 3 * 2 * 2],  # runs x wordings x orders x options
        ["next_token", 3 * 4, 3],
    ]
    tokens = (
        "select count(*) from samples join tokens using (sample_id) "
        "where len(token_ids) = tokens and abs(list_sum(logprobs) - logprob) < 1e-3"
    )
    assert shell.json("sql", tokens)["rows"] == [[27]]

    found = shell.json("results", "read")
    assert {rate["metric"] for rate in found["rates"]} == {"long"}
    way = {
        (item["arm"], item["label"]): item
        for item in found["readouts"]
        if item["question"] == "way" and item["seed"] is None
    }
    old, base = way["old", "modern"], way["base", "modern"]
    assert (old["metric"], old["n"], old["seeds"]) == ("p(modern)", 8, 2)
    assert old["low"] <= old["probability"] <= old["high"]
    assert (base["n"], base["seeds"], base["low"]) == (4, 1, None)
    assert way["old", "old"]["probability"] + old["probability"] == pytest.approx(1)
    assert "p(modern)" in shell("results", "read")

    launches = len(list(shell.home.launches.iterdir()))
    shell("run", "start", "read")
    assert len(list(shell.home.launches.iterdir())) == launches
    before = shell.json("sql", "select * from readouts order by all")["rows"]
    (folder / "experiment.yaml").write_text(
        (folder / "experiment.yaml")
        .read_text()
        .replace(
            "judges:\n", "".join(line[4:] for line in LATER[1:].splitlines(True)) + "judges:\n"
        )
    )
    shell.do("read")
    made = {path.name.split("-")[2][1:] for path in shell.home.launches.iterdir()}
    assert len(list(shell.home.launches.iterdir())) == launches + 1, made
    after = shell.json("sql", "select * from readouts order by all")["rows"]
    assert len(after) == len(before) + 3 * 2
    assert all(line in after for line in before)

    shell("store", "verify")
    shell.home.database.unlink()
    shell("store", "rebuild")
    assert shell.json("sql", "select * from readouts order by all")["rows"] == after


def test_an_experiment_that_only_reads_has_results(
    shell: Shell, define: Callable[..., Path]
) -> None:
    text = DEFINITION[: DEFINITION.index("    questions:")] + "    questions:" + READ
    define("only", text, {"old.jsonl": row("Wood Pewee")})
    shell.do("only", seeds="0")
    found = shell.json("results", "only")
    assert found["rates"] == []
    assert {item["question"] for item in found["readouts"]} == {"modulo", "way"}
    assert "p(old)" in shell("results", "only")
