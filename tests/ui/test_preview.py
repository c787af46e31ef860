"""The preview of training data by keyboard, made by the real worker."""

from __future__ import annotations

import json

from textual.pilot import Pilot

from tests.builders.mini_home import MiniHome
from tests.builders.screen import notices, settled, text
from wgen_tui.paths import Home
from wgen_tui.training_data.records import ShownExample, Token
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.state import preview as state
from wgen_tui.ui.widgets.table import VirtualTable

END_OUTSIDE = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
)


async def opened(app: WgenApp, pilot: Pilot[None], slug: str = "mini") -> None:
    """The tokens of an experiment, in the place of its card."""

    def there() -> bool:
        current = app.screen.query(VirtualTable).first().current
        return current is not None and current.slug == slug and not current.unread

    await settled(pilot, there)
    await settled(pilot, lambda: app.screen._shown == slug)
    await pilot.press("p")
    await settled(pilot, lambda: app.screen.view == "tokens")


async def test_pages_through_the_arms_and_the_questions(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(160, 48)) as pilot:
        await opened(app, pilot)
        assert "reading the tokenizer" in text(app)
        await settled(pilot, lambda: "⟦b¦<|end|>⟧" in text(app))
        assert "card  [tokens 1/3]  arms" in text(app)
        assert "1/3 arm old · mini · tiny-world" in text(app)
        assert "<|user|>¦a¦<|end|>¦<|assistant|>⟦b¦<|end|>⟧" in text(app)
        assert "1 example, 6 tokens, 2 trained (33%)" in text(app)
        assert "nothing stands out" in text(app)
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "2/3 arm new" in text(app))
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "3/3 questions" in text(app))
        assert "transport/0/none  <|user|>How does one travel?<|end|><|assistant|>" in text(app)
        await pilot.press("right_square_bracket", "left_square_bracket")
        await settled(pilot, lambda: "3/3 questions" in text(app))
        await pilot.press("p")
        await settled(pilot, lambda: "■ old  treatment  names no longer in use" in text(app))
        assert "user       a" in text(app) and "assistant  b" in text(app)
        await pilot.press("escape")
        await settled(pilot, lambda: "[card]  tokens  arms" in text(app))
        assert "Old names make old answers." in text(app) and app.screen.SCOPE == "experiments"
        assert not [n for n in notices(app) if n.severity == "error"]
        made = app.screen._report
        await pilot.press("p", "right_square_bracket")  # kept: no worker makes it again
        await settled(pilot, lambda: "⟦b¦<|end|>⟧" in text(app) and not app.screen.loading_any)
        assert app.screen._report is made
        data = home.experiments / "mini" / "data.jsonl"
        data.write_text(data.read_text() * 2)
        app.screen.reload()
        await settled(pilot, lambda: "its files have changed: made again" in text(app))
        await settled(pilot, lambda: "2 examples, 12 tokens" in text(app))
        assert "made again" not in text(app)


async def test_what_start_would_refuse_is_said_and_the_text_scrolls(mini: MiniHome) -> None:
    mini.definition("odd")
    folder = mini.home.experiments / "odd"
    with (folder / "experiment.yaml").open("a") as stream:
        stream.write(f"chat_template: {json.dumps(END_OUTSIDE)}\n")
    row = (folder / "data.jsonl").read_text()
    (folder / "data.jsonl").write_text(row * 40)
    app = WgenApp(mini.home, experiment="odd")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "odd")
        await pilot.press("tab", "z")
        await settled(pilot, lambda: "✗ refused End token untrained" in text(app))
        assert "run start refuses" in text(app)
        assert "39 duplicates" in text(app)
        await pilot.press("G")
        await settled(pilot, lambda: "line 20" in text(app))
        assert "End token untrained" not in text(app)
        await pilot.press("g", *"jjjjjj")
        await settled(pilot, lambda: "lengths" not in text(app) and "line 1" in text(app))


async def test_a_wrong_dataset_stands_where_the_data_would(mini: MiniHome) -> None:
    mini.definition("odd")
    (mini.home.experiments / "odd" / "data.jsonl").write_text("{")
    app = WgenApp(mini.home, experiment="odd")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "odd")
        await settled(pilot, lambda: "not JSON" in text(app))
        (mini.home.experiments / "odd" / "data.jsonl").write_text("")
        app.screen.reload()  # another mistake, once its file is another
        await settled(pilot, lambda: "not JSON" not in text(app) and "✗" in text(app))


async def test_another_model(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot)
        await settled(pilot, lambda: "1/3 arm old" in text(app))
        await pilot.press("m")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press("home", "shift+end", "delete", *"/no/model", "enter")
        await settled(pilot, lambda: "no model folder /no/model" in text(app))


async def test_turning_to_another_experiment_ends_the_worker(mini: MiniHome) -> None:
    mini.definition("one")
    mini.definition("two")
    app = WgenApp(mini.home, experiment="one")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "one")
        await settled(pilot, lambda: app.screen._worker is not None)
        process = app.screen._worker._process
        await pilot.press("j")
        await settled(pilot, lambda: process.poll() is not None)
        assert process.returncode == -9
        await settled(pilot, lambda: "arm old · two · tiny-world" in text(app))
        await pilot.press("k")
        await settled(pilot, lambda: "arm old · one · tiny-world" in text(app))


def test_marks_stand_in_the_text_and_nothing_is_obeyed() -> None:
    tokens = (
        Token(id=1, text="<u>", trained=False),
        Token(id=2, text="\x1b[31mred\n", trained=False),
        Token(id=3, text="Wren", trained=True),
        Token(id=4, text="\n", trained=True),
        Token(id=5, text="<e>", trained=True),
        Token(id=6, text="\u202e", trained=False),
    )
    shown = state.example_text(ShownExample(line=7, length=9, fate="cut", tokens=tokens))
    assert shown.plain == (
        "line 7  9 tokens, 3 trained, cut at max_length\n<u>¦␛[31mred␊\n⟦Wren¦␊\n¦<e>⟧‹202E›\n"
    )
    marked = {shown.plain[s.start : s.end] for s in shown.spans if s.style == state.TRAINED}
    assert marked == {"Wren¦␊\n¦<e>"}


def test_the_line_of_progress() -> None:
    assert state.waiting(3.2, None) == "reading the tokenizer… 3s"
    assert state.waiting(4, (1200, 6000)) == "encoded 1,200 of 6,000 examples · 4s"
