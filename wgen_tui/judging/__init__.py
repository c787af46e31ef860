"""What a judge that is a model is shown, and what its reply says; pure, no torch."""
