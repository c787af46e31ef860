"""The benches at scale alone: `python -m tests.benchmarks.scale [PART ...] [--samples N,N]`."""

from __future__ import annotations

import sys

from tests.benchmarks.scale.parts import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
