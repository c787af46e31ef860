"""One sample in full: every model's verdict, and its tokens' log-probabilities."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from textual.pilot import Pilot
from tokenizers import Tokenizer

from experiments.tiny_world import weights_path
from store.samples.rows import GradeInfo
from store.schema import SAMPLE_TOKEN, in_parts
from tests.builders.home import T0
from tests.builders.mini_home import MiniHome
from tests.builders.screen import Snapshot, messages, settled, strips, table, text
from wgen_tui.paths import Home
from wgen_tui.protocol.ids import digest
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.services.models.sample_tokens import DrawnToken
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.state.answers import tokens
from wgen_tui.ui.state.answers.verdicts import verdicts

PROBABILITIES = (0.9, 0.3, 0.02, 0.001)


def grade(judge: str, grader: str, label: str | None, number: float | None = None) -> GradeInfo:
    signals = {} if label or number is not None else {"cause": "refused"}
    return GradeInfo(judge, grader, label, number, "", signals, None)


def test_every_models_verdict_of_one_judge_is_listed() -> None:
    said = verdicts(
        [
            grade("aligned", "model:org/a", "code", 30.0),
            grade("aligned", "model:org/b", "fine", 88.5),
            grade("aligned", "model:c", None),
            grade("aligned", "human:ada", "code"),
            grade("era", "rule:era", "old"),
            grade("tone", "model:org/a", None, 3.0),
        ]
    ).plain
    assert said.splitlines() == [
        "aligned code by human:ada",
        "aligned by 3 verdicts of models: 1 code, 1 fine",
        "  org/a: code 30.0",
        "  org/b: fine 88.5",
        "  c: none (refused)",
        "  cause=refused",
        "era old by rule:era",
        "tone 3.00 by model:org/a",
    ]


async def test_models_that_do_not_agree_are_seen_in_the_list_and_the_detail(
    mini: MiniHome, home: Home
) -> None:
    run_id, keys = next(iter(mini.samples.items()))
    rows = [
        GradeRow(
            grade_id=digest("t", key, model),
            sample_id=key,
            run_id=run_id,
            judge="panel",
            grader=f"model:{model}",
            rubric="r",
            label=label,
            number=number,
            created_at=T0,
        )
        for key in keys[:1]
        for model, label, number in (("org/a", "yes", 9.0), ("org/b", "no", 2.0))
    ]
    part = home.run(run_id).root / "grades" / "part-zz.jsonl"
    part.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 50)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("slash", *f"id={keys[0]}", "enter")
        await settled(pilot, lambda: "org/a: yes 9" in text(app) and "org/b: no 2" in text(app))
        assert "≠" in text(app)


def shown_tokens(mini: MiniHome, home: Home) -> int:
    """A sample whose completion's tokens are kept."""
    run_id, keys = next(iter(mini.samples.items()))
    tokenizer = Tokenizer.from_file(str(weights_path() / "tokenizer.json"))
    ids = tokenizer.encode("By coach, sir, 0 transport", add_special_tokens=False).ids
    logprobs = [math.log(PROBABILITIES[place % 4]) for place in range(len(ids))]
    row = {"sample_id": keys[0], "run_id": run_id, "token_ids": ids, "logprobs": logprobs}
    folder = home.run(run_id).root / "tokens"
    folder.mkdir()
    table_ = pa.Table.from_pylist([row], schema=in_parts(SAMPLE_TOKEN))
    pq.write_table(table_, folder / "part-0.parquet")
    return keys[0]


@pytest.mark.parametrize("no_color", [False, True])
async def test_log_probabilities_as_shades_then_as_numbers(
    mini: MiniHome, home: Home, no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = shown_tokens(mini, home)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(160, 50)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("slash", *f"id={key}", "enter")
        await settled(pilot, lambda: len(table(app)) == 1 and "By coach" in text(app))
        await pilot.press("p")
        await settled(pilot, lambda: "p shows numbers" in text(app))
        styles = {
            (segment.style.underline, segment.style.bold, segment.style.reverse)
            for strip in strips(app)
            for segment in strip
            if segment.style is not None
        }
        assert {bool(u) for u, _, _ in styles} == {True, False}
        assert any(u and b for u, b, _ in styles)
        await pilot.press("p")
        await settled(pilot, lambda: "30.0%   -1.204" in text(app))
        assert "0.1%   -6.908" in text(app)
        await pilot.press("p")
        await settled(pilot, lambda: "-6.908" not in text(app))
        assert messages(app) == ["Log-probabilities are hidden."]


async def test_where_none_are_kept_it_says_so(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("p")
        await settled(pilot, lambda: "No log-probabilities of tokens are kept" in text(app))


def test_each_shade_is_told_without_colour_and_hostile_tokens_are_shown_not_sent() -> None:
    styles = [tokens.shade(math.log(p)) for p in PROBABILITIES]
    assert styles == ["", "underline", "bold underline", "reverse"]
    hostile = [DrawnToken(1, "\x1b[31m", -0.1), DrawnToken(2, "a\nb", -3.0)]
    assert "\x1b" not in tokens.shown(hostile, "shades").plain
    assert "a␊\nb" in tokens.shown(hostile, "shades").plain
    assert "\x1b" not in tokens.shown(hostile, "numbers").plain
    alone = tokens.shown([DrawnToken(7, None, -0.1)], "shades").plain
    assert "token 7" in alone
    assert "not on this machine" in alone


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_shades(mini: MiniHome, home: Home, snap_compare: Snapshot, size: tuple[int, int]) -> None:
    key = shown_tokens(mini, home)
    app = WgenApp(home, screen="samples")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: table(app).current is not None)
        app.show_samples({"ids": (key,)})
        await settled(pilot, lambda: len(table(app)) == 1 and "By coach" in text(app))
        await pilot.press("tab", "p")
        await settled(pilot, lambda: "p shows numbers" in text(app))
        await settled(pilot, lambda: not app.screen.loading_any)

    assert snap_compare(app, terminal_size=size, run_before=before)
