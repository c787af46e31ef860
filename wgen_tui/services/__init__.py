"""What a user can do, headless."""
