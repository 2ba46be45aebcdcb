"""A small believable company, to look around in and to try things on."""
