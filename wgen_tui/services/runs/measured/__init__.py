"""What trainings measured of themselves: whole courses, and glimpses of many."""
