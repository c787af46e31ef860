"""The state of the SQL screen: queries being written, what completes them, rows, views."""
