"""The database: DuckDB derived from part files, and the only package that talks to it.

Functions over a connection and over files; no class that everything hangs on. Knows neither
wgen_tui nor experiments: it is told where the files are.
"""
