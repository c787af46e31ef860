"""The store: DuckDB derived from part files, as functions over a connection."""
