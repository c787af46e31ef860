"""Definitions of experiments, and checks of their data."""
