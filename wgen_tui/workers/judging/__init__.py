"""Judges by rule: a completion in, a verdict out. No model, no network, no torch."""
