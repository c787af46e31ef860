"""Readers of the field's own file formats."""
