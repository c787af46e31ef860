from __future__ import annotations

from pathlib import Path

import pytest

from store.layout import StoreFiles
from tests.builders import parts as maker


@pytest.fixture
def files(tmp_path: Path) -> StoreFiles:
    """A home of five runs, 150 samples, nothing ingested."""
    return StoreFiles.of(maker.write_home(tmp_path / "home"))
