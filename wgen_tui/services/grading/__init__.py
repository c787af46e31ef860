"""Grading by people: sessions, and grades in and out as files."""
