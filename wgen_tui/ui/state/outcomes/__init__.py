"""What the screen Results shows: its views as rows, the words beside a number, its figures."""
