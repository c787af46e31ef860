"""Commands about grading by people: `grade plan`."""
