"""What the screen Runs shows: groups and their rows, curves, a log, what sets two runs apart."""
