"""A help desk for small teams: one process, one SQLite file."""
