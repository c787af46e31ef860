"""Rates, intervals, differences, curves, and where each number comes from."""
