"""Builds and gates the embedded model `tiny-world`: `python -m wgen_tui.workers.tiny_world`."""
