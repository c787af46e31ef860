"""`python -m wgen_tui.workers.verify`: one run beside stock TRL."""

import sys

from wgen_tui.workers.verify.check import main

if __name__ == "__main__":
    sys.exit(main())
