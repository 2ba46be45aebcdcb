"""What the desk says in other languages; the texts themselves are English."""
