"""Words as they turn up on a help desk: a few everywhere, most of them rarely."""

import random
from typing import Final

CATEGORIES: Final = ("hardware", "software", "network", "access", "billing")
TAGS: Final = ("printer", "vpn", "laptop", "mail", "invoice", "urgent", "office", "phone", "login", "update")
_COMMON: Final = (
    "the is not and a to since we on with again please after it in for my this all can no from when was error help"
    " screen computer password account printer network slow office mail update login message page file team today"
    " morning cable door phone meeting customer order invoice report number window version server backup folder"
    " timeout vpn license mouse keyboard monitor battery charger wifi calendar shared drive access request new old"
).split()
_STARTS: Final = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu".split()
_ENDS: Final = "bel can dor fim gar hon jal kip lem mar nor pel rin son tur vas wek zon".split()
_RARE: Final = tuple(a + b + c for a in _STARTS for b in _STARTS for c in _ENDS)
"""Some thousand names of machines, places and products."""


def words(rng: random.Random, count: int) -> str:
    """Return so many words, four of five of them common ones."""
    common, rare = _COMMON, _RARE
    return " ".join(rng.choice(common) if rng.random() < 0.8 else rng.choice(rare) for _ in range(count))
