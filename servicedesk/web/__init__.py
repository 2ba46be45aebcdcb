"""HTTP, websockets and pages, in and out."""
