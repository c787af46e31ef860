from __future__ import annotations

from pathlib import Path

import pytest

from store.layout import StoreFiles
from tests.builders import store_home


@pytest.fixture
def files(tmp_path: Path) -> StoreFiles:
    """A home of five runs, 150 samples, nothing ingested."""
    return StoreFiles.of(store_home.write_home(tmp_path / "home"))
