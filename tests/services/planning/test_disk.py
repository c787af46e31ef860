"""What a plan will write, and what is said when there is no room for it."""

from __future__ import annotations

from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.services.planning.disk import disk_warnings
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.settings import DiskPolicy


def test_more_samples_take_more_room(home: Home, definition: Path) -> None:
    few = make_plan(home, str(definition), Options(n=10))
    many = make_plan(home, str(definition), Options(n=100_000))
    assert 0 < few.disk_mb < many.disk_mb / 50
    assert not any("MB will be written" in text for text in few.warnings)


def test_too_little_room_is_said_before_a_launch(home: Home, definition: Path) -> None:
    home.config.write_text("[disk]\nfloor_mb = 1_000_000_000_000\n")
    warning = make_plan(home, str(definition)).warnings[-1]
    assert "MB will be written" in warning
    assert "resume when there is space again" in warning
    assert disk_warnings(home, 1, DiskPolicy(floor_mb=0)) == []
