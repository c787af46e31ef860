"""Nothing that a model writes is obeyed by a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from wgen_tui.terminal_text import are, log_line, one_line, plural, printable


def test_no_character_of_any_kind_of_control_gets_through() -> None:
    everything = "".join(map(chr, range(0x110000)))
    for character in set(printable(everything, keep_newlines=False)):
        kind = unicodedata.category(character)
        assert kind not in ("Cc", "Cs", "Zl", "Zp"), hex(ord(character))
        assert unicodedata.bidirectional(character) not in (
            *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
        )


@pytest.mark.parametrize(
    "attack", ["\x1b]52;c;aGk=\x07", "\x9b2J", "\x1b[2J", "a\rb", "\u202eabc", "a\u200bb"]
)
def test_attacks_are_shown(attack: str) -> None:
    shown = printable(attack)
    assert len(shown) >= len(attack)
    assert not set(shown) & set("\x1b\x9b\x07\r\u202e\u200b")
    assert shown.encode()


def test_text_of_any_language_stays() -> None:
    text = "Straße, Ångström, 東京, العربية, emoji 🐦"
    assert printable(text) == text


def test_newlines_stay_where_they_may() -> None:
    assert printable("a\nb") == "a\nb"
    assert printable("a\nb", keep_newlines=False) == "a␊b"


def test_one_line_counts_cells() -> None:
    assert one_line("short", 5) == "short"
    assert one_line("longer", 5) == "long…"
    assert one_line("東京駅", 5) == "東京…"
    assert one_line("a\nb", 9) == "a␊b"
    assert one_line("anything", 0) == ""


def test_a_line_of_a_log_loses_its_colours_and_tabs_and_nothing_else() -> None:
    assert log_line("\t\x1b[1;31mred\x1b[0m\tx") == "    red x"
    assert log_line("\x1b]0;owned\x07\x1b[2J") == "␛]0;owned␇␛[2J"


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 runs are"), (1, "1 run is"), (2, "2 runs are"), (4321, "4,321 runs are")],
)
def test_one_is_one(number: int, told: str) -> None:
    assert f"{plural(number, 'run')} {are(number)}" == told
