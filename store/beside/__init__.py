"""What stands beside a rate: answers by length, and several verdicts on one sample."""
