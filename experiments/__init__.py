"""Experiment definitions: their schema, catalogue, readers and the shipped ones."""
