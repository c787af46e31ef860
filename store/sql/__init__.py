"""SQL that people write: which statements read, where a mistake is, and queries to begin with."""
