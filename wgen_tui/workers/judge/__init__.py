"""The judge worker: grades samples by rules."""
