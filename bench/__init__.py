"""How fast the desk is, beside a bare handler on the same machine: ``python -m bench``."""
