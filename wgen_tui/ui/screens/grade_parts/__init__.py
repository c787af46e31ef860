"""What the screen Grade is made of, besides the answer and its keys."""
