"""Records what `results` says of the old home: `python -m tests.e2e.old_home.record_results`.

Only for a change of docs/methods.md, or of how results are laid out; CHANGELOG.md says which
numbers moved. `test_results_moved_by_composition_alone` holds the others to the first recording.
"""

from __future__ import annotations

import json
import lzma
import tempfile
from pathlib import Path

from tests.e2e.test_old_home import PACKED, RESULTS, normal, recorded, say, unpack


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        home = unpack(PACKED, Path(folder))
        commands = [words for words, _ in recorded()["before"] if words[0] == "results"]
        listed = [[words, normal(say(home, *words), words, home)] for words in commands]
    RESULTS.write_bytes(lzma.compress(json.dumps(listed, indent=1).encode()))


if __name__ == "__main__":
    main()
