from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Filter, Place, Sort
from servicedesk.domain.search import terms_of
from servicedesk.domain.tickets import Status
from servicedesk.store import listing, search, walks
from servicedesk.store.db import Tx
from tests.store import desks_made_up as desks
from tests.store.desks_made_up import NOW


@pytest.fixture
def desk(tx: Tx) -> Tx:
    desks.people(tx)
    return tx


def find(
    conn: Tx, typed: str, sort: Sort | None = None, *, internal: bool = True, limit: int = 3, **said: Any
) -> list[int]:
    """Turn all the pages of what is found."""
    search.catch_up(conn)
    wanted = Filter(now=NOW, terms=terms_of(typed), internal=internal, **said)
    found: list[int] = []
    after: Place | None = None
    while True:
        page = listing.page(conn, wanted, sort, after, limit)
        found += [ticket.id for ticket in page.tickets]
        after = page.next
        if after is None:
            assert listing.count(conn, wanted) == len(found)
            return found


def test_words_are_found_wherever_they_stand_and_however_they_are_written(desk: Tx) -> None:
    ticket = desks.ticket(desk, title="Der Drucker brennt", description="Größe naïve")
    desks.ticket(desk, title="Another one")
    search.index_piece(desk, ticket, 1, body="It stopped burning")
    search.index_piece(desk, ticket, 2, body="screenshot-of-fire.png")

    for typed in ("drucker", "BRENNT", "naive", "größe", "burning", "screenshot", "png", '"of fire"'):
        assert find(desk, typed) == [ticket], typed


def test_a_bare_word_is_the_beginning_of_one_and_a_quoted_one_is_whole(desk: Tx) -> None:
    ticket = desks.ticket(desk, title="The printer is on fire")

    assert find(desk, "print") == [ticket]
    assert find(desk, '"print"') == []
    assert find(desk, "rinter") == []
    assert find(desk, '"on fire"') == [ticket]
    assert find(desk, '"fire on"') == []


def test_all_words_must_occur_but_in_whichever_text_of_the_ticket(desk: Tx) -> None:
    both = desks.ticket(desk, title="Printer", description="on the third floor")
    search.index_piece(desk, both, 1, body="it burns")
    desks.ticket(desk, title="Printer")
    desks.ticket(desk, title="Something burns")

    assert find(desk, "printer burns floor") == [both]
    assert find(desk, "printer burns cellar") == []


@pytest.mark.parametrize("typed", ["TKT-000002", "tkt-2", "#2", "2"])
def test_a_ticket_is_found_by_its_reference(desk: Tx, typed: str) -> None:
    for _ in range(3):
        desks.ticket(desk)

    assert find(desk, typed) == [2]


def test_who_names_a_ticket_is_found_behind_it(desk: Tx) -> None:
    named = desks.ticket(desk)
    naming = desks.ticket(desk, description=f"The same as TKT-{named:06d}")

    assert find(desk, f"#{named}") == [named, naming]


def test_tickets_with_the_words_in_their_title_come_first_then_the_newest(desk: Tx) -> None:
    in_text = [desks.ticket(desk, title="x", description="printer fire") for _ in range(4)]
    in_title = [desks.ticket(desk, title="fire in the printer") for _ in range(4)]
    in_both = [desks.ticket(desk, title="printer", description="fire") for _ in range(4)]

    assert find(desk, "printer fire") == in_title[::-1] + in_both[::-1] + in_text[::-1]


def test_another_order_wins_over_the_best_match(desk: Tx) -> None:
    late = desks.ticket(desk, title="printer", updated_at=NOW + 2)
    early = desks.ticket(desk, title="x", description="printer", updated_at=NOW + 3)
    desks.ticket(desk, title="y", updated_at=NOW + 4)

    assert find(desk, "printer", Sort.LAST_UPDATED) == [early, late]
    assert find(desk, "printer", Sort.UPDATED) == [late, early]


def test_customers_find_nothing_in_notes_and_nothing_of_others(desk: Tx) -> None:
    mine = desks.ticket(desk, title="printer", requester_id=11)
    desks.ticket(desk, title="printer", requester_id=12)
    search.index_piece(desk, mine, 1, note="The secret of the fuse")

    assert find(desk, "secret") == [mine]
    assert find(desk, "secret", internal=False, requester=11) == []
    assert find(desk, "printer secret", internal=False, requester=11) == []
    assert find(desk, "printer", internal=False, requester=11) == [mine]


def test_what_was_changed_or_dropped_is_found_no_more(desk: Tx) -> None:
    ticket = desks.ticket(desk, title="printer")
    search.index_piece(desk, ticket, 1, body="screenshot.png")

    search.drop_piece(desk, ticket, 1)
    search.index_piece(desk, ticket, 0, title="scanner")

    assert find(desk, "printer") == find(desk, "screenshot") == []
    assert find(desk, "scanner") == [ticket]


def test_without_a_word_nothing_is_found(desk: Tx) -> None:
    desks.ticket(desk, title="!!!")

    assert find(desk, "!!!") == []


@given(typed=st.text(alphabet=st.sampled_from('ab"*^():-+{}#42 \tNEAR ORtitle'), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_no_text_upsets_the_index(desk: Tx, typed: str) -> None:
    try:
        find(desk, typed)
        find(desk, typed, Sort.CREATED, internal=False, requester=11)
    except BadParameter:
        pass


def plainly(conn: Tx, words: list[str], *, internal: bool) -> tuple[list[int], list[int]]:
    """Read every text: which tickets have all words in their title, which in their texts."""
    titles: dict[int, str] = {}
    texts: dict[int, str] = {}
    for row in conn.execute("SELECT rowid, reference, title, body, note FROM search"):
        ticket = row["rowid"] >> search.PIECE_BITS
        titles[ticket] = titles.get(ticket, "") + f" {row['title']} {row['reference']}"
        note = row["note"] if internal else ""
        texts[ticket] = texts.get(ticket, "") + f" {row['title']} {row['body']} {row['reference']} {note}"

    def having(known: dict[int, str]) -> list[int]:
        return [
            number
            for number in sorted(known, reverse=True)
            if all(any(w.startswith(word) for w in known[number].casefold().split()) for word in words)
        ]

    return having(titles), having(texts)


@pytest.mark.parametrize("most", [0, 30, 2_000])
def test_what_is_found_is_what_a_plain_reading_finds(
    desk: Tx, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "few_of", lambda _: most)
    monkeypatch.setattr(listing, "BLOCK", 7)
    chance = Random(1)
    desks.many(desk, chance, 150)
    statuses = {row["id"]: row["status"] for row in desk.execute("SELECT id, status FROM tickets")}

    for _ in range(60):
        words = chance.sample(
            ["print", "printer", "druck", "network", "fire", "vpn", "the", "n"], k=chance.randrange(1, 4)
        )
        internal, status = chance.random() < 0.5, chance.choice([None, Status.OPEN, Status.CLOSED])
        said = {} if status is None else {"statuses": (status,)}
        titled, found = plainly(desk, words, internal=internal)
        expected = titled + [n for n in found if n not in titled]
        kept = [n for n in expected if status in (None, statuses[n])]

        assert find(desk, " ".join(words), internal=internal, limit=11, **said) == kept, words
        assert find(desk, " ".join(words), Sort.ID, internal=internal, limit=40, **said) == sorted(kept)


def test_of_texts_that_wait_for_the_index_the_last_one_counts(desk: Tx) -> None:
    ticket = desks.ticket(desk)
    search.index_piece(desk, ticket, 1, body="mistaken")
    search.index_piece(desk, ticket, 1, body="corrected")
    search.index_piece(desk, ticket, 2, body="withdrawn")
    search.drop_piece(desk, ticket, 2)
    assert search.is_behind(desk)

    search.catch_up(desk)

    assert not search.is_behind(desk)
    assert find(desk, "corrected") == [ticket]
    assert find(desk, "mistaken") == find(desk, "withdrawn") == []


def test_the_index_catches_up_in_small_steps(desk: Tx) -> None:
    ticket = desks.ticket(desk)
    for piece in range(1, 6):
        search.index_piece(desk, ticket, piece, body=f"word{piece}")

    assert [search.catch_up(desk, most=3), search.catch_up(desk, most=3), search.catch_up(desk, most=3)] == [
        3,
        2,
        0,
    ]
    assert find(desk, "word5") == [ticket]
