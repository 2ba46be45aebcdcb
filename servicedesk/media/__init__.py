"""Bytes on disk and the workers that look into them."""
