"""A reader of what is ingested loads neither Arrow nor NumPy: 50 MB that no screen needs."""

from __future__ import annotations

import subprocess
import sys

from store.ingest import ingest
from store.layout import StoreFiles

READER = """
import sys
from pathlib import Path
from store.connect import read
from store.layout import StoreFiles
import wgen_tui.services.data.samples, wgen_tui.services.data.sql
import wgen_tui.services.grading.session
with read(StoreFiles.of(Path(sys.argv[1]))) as con:
    print(con.execute("select count(*) from samples_wide").fetchall()[0][0])
print(*sorted({"numpy", "pyarrow", "pandas"} & set(sys.modules)))
"""


def _read(files: StoreFiles) -> list[str]:
    command = [sys.executable, "-c", READER, str(files.root)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_what_is_ingested_is_read_without_arrow(files: StoreFiles) -> None:
    number, loaded = _read(files)
    assert "pyarrow" in loaded  # what waits is read by it
    assert "pandas" not in loaded  # though Arrow would import it
    ingest(files)
    assert _read(files) == [number, ""]
