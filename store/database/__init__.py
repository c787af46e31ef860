"""The database file: whose turn it is with it, and how it is opened."""
