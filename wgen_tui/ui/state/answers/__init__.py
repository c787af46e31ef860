"""What the screens show of many samples at once: answers side by side, and of whom they are."""
