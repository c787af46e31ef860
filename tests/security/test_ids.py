"""No id or slug on the command line leads out of the home, or does anything but say so."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.builders import store_home
from wgen_tui.cli import main
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home, checked_id

RUN = store_home.StoredRun("old", 0)
OUTSIDE = store_home.StoredRun("outside", 0)
BAD = {
    "up": "..",
    "here": ".",
    "up-up": "../..",
    "outside": f"../../outside/runs/{OUTSIDE.run_id}",
    "inside-and-out": f"{RUN.run_id}/../../../outside",
    "slash": f"{RUN.run_id}/",
    "dot-slash": f"./{RUN.run_id}",
    "absolute": "/ABSOLUTE",
    "nul": f"{RUN.run_id}\0",
    "nul-inside": "a\0b",
    "line-break": f"{RUN.run_id}\n",
    "line-break-inside": "a\nb",
    "escape": "a\x1b[2Jb",
    "long": "x" * 5000,
    "cyrillic": RUN.run_id.replace("a", "а"),
    "unicode-hyphen": RUN.run_id.replace("-", "‐"),
    "full-width-dots": "．．",
    "one-dot-leader": "․․",
    "fraction-slash": "..⁄..",
    "surrogate": "a\udc80b",
    "home": "~root",
    "percent": "%2e%2e%2f",
    "star": "*",
    "empty": "",
    "option": "--x",
}
TAKES_A_RUN = [
    "run show ID",
    "run watch ID",
    "run logs ID",
    "run cancel ID",
    "run pause ID",
    "run resume ID",
    "run retry ID",
    "run priority ID --to 1",
    "run rm ID --yes",
    "run verify ID",
    "sample show ID",
]
TAKES_AN_EXPERIMENT = [
    "experiment show ID",
    "experiment validate ID",
    "experiment preview ID",
    "experiment copy ID mine",
    "experiment copy tiny-robot ID",
    "experiment new ID",
    "run start ID --detach",
    "run start tiny-robot --arms ID --detach",
    "run start tiny-robot --model ID --detach",
    "sample top-up ID --n 2",
    "grade agreement ID",
    "grade import ID grades.csv",
    "results ID",
    "store merge ID",
]
FILTERS = [
    "grade export ID",
    "run list --experiment ID",
    "run list --state ID",
    "sample list --experiment ID",
    "sample list --run ID",
    "sample list --arm ID",
    "sample export --experiment ID",
]
DERIVED = ("wgen.duckdb", "wgen.duckdb.wal", "ingest.lock", "readers.lock", "merge.lock")


def everything(root: Path) -> dict[str, str]:
    """Every file and folder below, with its content; but for what is derived."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(root.rglob("*"))
        if path.name not in DERIVED
    }


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run, beside it another with a run of its own, and where we stand."""
    root = tmp_path_factory.mktemp("ids")
    for name, run in (("home", RUN), ("outside", OUTSIDE)):
        Home(root / name).ensure()
        store_home.write_run(root / name, run, 2)
    (root / "cwd").mkdir()
    (root / "cwd" / "grades.csv").write_text("sample_id,label\n1,x\n")
    return root


@pytest.fixture
def place(unchanged: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Those homes, which no test of a bad id changes."""
    monkeypatch.chdir(unchanged / "cwd")
    return unchanged


def words_of(place: Path, command: str, bad: str) -> list[str]:
    value = bad.replace("/ABSOLUTE", str(place / "outside" / "runs" / OUTSIDE.run_id))
    words = [value if word == "ID" else word for word in command.split()]
    return ["--home", str(place / "home"), *words]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_id_is_refused_and_changes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    before = everything(place)
    for command in [*TAKES_A_RUN, *TAKES_AN_EXPERIMENT]:
        if bad in ("..", ".", "../..", "") and command.startswith("store merge"):
            continue  # a folder, which is no home, is refused in test_what_is_no_home_is_refused
        code = main(words_of(place, command, bad))
        out, err = capsys.readouterr()
        assert code in (1, 2), f"{command}: exit {code}\n{out[:2000]}\n{err[:2000]}"
        assert "Traceback" not in err, command
        assert "\x1b[2J" not in out + err, command
        assert OUTSIDE.run_id not in out, command
        assert everything(place) == before, command


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_filter_finds_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    before = everything(place)
    for command in FILTERS:
        code = main(words_of(place, command, bad))
        out, err = capsys.readouterr()
        assert code in (0, 1, 2), f"{command}: exit {code}\n{out}\n{err}"
        assert "Traceback" not in err, command
        assert OUTSIDE.run_id not in out, command
        assert everything(place) == before, command


def test_a_good_id_is_found(
    unchanged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that what is refused above is refused for its form."""
    place = Path(shutil.copytree(unchanged, tmp_path / "ids"))
    assert main(words_of(place, "run show ID", RUN.run_id)) == 0
    assert RUN.run_id in capsys.readouterr().out
    assert main(words_of(place, "experiment new ID", "mine")) == 0


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_no_path_is_built_of_it(tmp_path: Path, bad: str) -> None:
    home = Home(tmp_path)
    for build in (home.run, home.launch, checked_id):
        with pytest.raises(UsageError):
            build(bad)


@pytest.mark.parametrize("good", ["a", "names-old-s0-3733491a4a", "A.b_c-1", "x" * 200])
def test_an_id_is_one(good: str) -> None:
    assert checked_id(good) == good
