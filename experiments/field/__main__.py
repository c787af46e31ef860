"""`python -m experiments.field`: write the generated files of the field's experiments."""

from __future__ import annotations

import sys

from experiments.field.folders_written import write_all
from experiments.folders import builtin_root

if __name__ == "__main__":
    for path in write_all(builtin_root()):
        sys.stdout.write(f"{path}\n")
