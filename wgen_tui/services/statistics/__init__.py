"""Shares, intervals, tests and agreement: pure functions of counts, without files or database."""
