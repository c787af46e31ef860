"""What opens over a screen and gives back an answer, or None for esc."""
