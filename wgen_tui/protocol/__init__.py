"""What processes write to each other: records that go through files as JSON.

Promises: everything here round-trips through JSON, refuses unknown keys, and carries a schema
number, so that a file of another version is noticed rather than misread.
"""
