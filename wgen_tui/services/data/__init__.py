"""The database of a home: opening it, ingesting, samples, SQL."""
