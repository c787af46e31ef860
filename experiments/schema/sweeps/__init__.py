"""What of a definition is planned in several forms: keys that are swept, contexts, sizes."""
