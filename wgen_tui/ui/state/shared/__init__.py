"""What all screens show alike: the arms in their colours, and the bar above."""
