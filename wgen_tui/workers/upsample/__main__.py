"""`python -m wgen_tui.workers.upsample`: the rows of one run in two clusters."""

import sys

from wgen_tui.workers.upsample.two_clusters import main

if __name__ == "__main__":
    sys.exit(main())
