"""What a measure counts: whose verdicts, which samples, and what is left out for which reason."""
