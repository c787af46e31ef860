"""Runs and launches as their files have them: states, queue, logs."""
