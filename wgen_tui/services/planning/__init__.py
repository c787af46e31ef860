"""From a definition to the runs and launches that do what is missing."""
