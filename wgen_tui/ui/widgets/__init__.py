"""Widgets that know nothing of experiments."""
