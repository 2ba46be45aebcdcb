"""Who is listening, and what they hear."""
