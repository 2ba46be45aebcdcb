from typing import Any

import msgspec
import pytest

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Filter, Sort, Span, TicketQuery, filter_of, question_of
from servicedesk.domain.people import Availability, Role, User
from servicedesk.domain.search import terms_of
from servicedesk.domain.tickets import Status
from servicedesk.domain.times import DAY, parse

NOW = parse("2026-11-23T00:00:00Z")


def somebody(role: Role) -> User:
    return User(
        id=7,
        email="ada@example.com",
        name="Ada",
        role=role,
        is_active=True,
        max_tickets=10,
        skills=(),
        availability=Availability.AVAILABLE,
        team_ids=(),
        created_at=NOW,
    )


def asked(role: Role = Role.AGENT, **said: Any) -> Filter:
    return filter_of(TicketQuery(**said), somebody(role), NOW)


def test_staff_may_ask_for_every_ticket_a_customer_for_their_own() -> None:
    assert asked() == Filter(now=NOW)
    assert asked(Role.CUSTOMER) == Filter(now=NOW, requester=7, internal=False)
    assert asked(Role.CUSTOMER, requester=["8"]).requester == 7


def test_people_and_teams_are_named_by_id_or_by_a_word() -> None:
    found = asked(assigned_to=["me", "none", "3"], team=["none", "2"], requester=["9", "Rio@Example.com "])

    assert found.assignees == (7, None, 3)
    assert found.teams == (None, 2)
    assert found.requesters == (9, "rio@example.com")


def test_tags_are_compared_without_case() -> None:
    assert asked(tag=["VIP", " vip", "Größe"]).tags == ("vip", "grösse")


def test_moments_are_dates_or_times() -> None:
    found = asked(
        created_after="2026-11-22", created_before="2026-11-23T01:00:00+01:00", updated_after="2026-11-23"
    )

    assert found.created == Span(NOW - DAY, NOW)
    assert found.updated == Span(NOW, None)


def test_a_search_without_words_is_none_and_one_without_findable_words_finds_nothing() -> None:
    assert asked(q=" ").terms is None
    assert asked(q="!!!").terms == ()
    assert asked(q="fire").terms == terms_of("fire")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("assigned_to", ["you"]),
        ("assigned_to", [""]),
        ("assigned_to", ["0"]),
        ("assigned_to", ["9007199254740992"]),
        ("assigned_to", ["٣"]),
        ("team", ["me"]),
        ("team", ["-1"]),
        ("requester", ["Rio"]),
        ("category", [""]),
        ("tag", ["vip", " "]),
        ("created_after", "yesterday"),
        ("updated_before", "2026-13-01"),
        ("q", "x" * 501),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(name: str, value: object) -> None:
    with pytest.raises(BadParameter) as refusal:
        asked(**{name: value})

    assert refusal.value.extras["parameter"] == name


def test_pages_of_one_list_have_their_question_in_common() -> None:
    query = TicketQuery(status=[Status.OPEN], sort=Sort.DUE)
    other_page = msgspec.structs.replace(query, limit=10, cursor="x", count=True)

    assert question_of(other_page) == question_of(query)
    assert question_of(TicketQuery(sort=Sort.DUE)) != question_of(query)


def test_a_sort_says_what_by_and_which_way() -> None:
    assert {(sort.field, sort.descends) for sort in Sort} == {
        (field, descends)
        for field in ("created_at", "updated_at", "priority", "due_at", "id")
        for descends in (True, False)
    }
