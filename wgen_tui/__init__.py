"""wgen-tui: a terminal workbench for weird-generalization experiments."""

__version__ = "0.1.0"
