"""Questions out of files that are no YAML: tables, and lists in Python."""
