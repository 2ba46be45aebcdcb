"""All SQL: what the desk remembers."""
