"""Macros: what placeholders become, and what makes no macro."""

import pytest
from msgspec.structs import replace

from servicedesk.domain.macros import (
    PLACEHOLDERS,
    Actions,
    Content,
    Setting,
    content_errors,
    filled,
    text_errors,
)
from servicedesk.domain.people import Availability, PersonRef, Role, User
from servicedesk.domain.tickets import Status
from tests.domain.tickets_made_up import a_ticket

ADA = User(
    id=7,
    email="ada@desk.example",
    name="Ada Lovelace",
    role=Role.AGENT,
    is_active=True,
    max_tickets=5,
    skills=(),
    availability=Availability.AVAILABLE,
    team_ids=(),
    created_at=0,
)


def setting(**fields: object) -> Setting:
    return Setting(a_ticket(**fields), ADA)


def test_placeholders_become_what_they_name() -> None:
    here = setting(title="No light")

    text = filled(
        "Dear {{requester.name}}, {{ ticket.title }} ({{ticket.reference}}). {{agent.first_name}}", here
    )

    ticket = here.ticket
    assert text == f"Dear {ticket.requester.name}, No light ({ticket.reference}). Ada"


def test_nothing_in_a_value_is_looked_at_again() -> None:
    here = setting(title="{{agent.email}} {{7*7}} <b>")
    assert filled("{{ticket.title}}", here) == "{{agent.email}} {{7*7}} <b>"


def test_what_a_ticket_does_not_have_leaves_nothing() -> None:
    assert filled("[{{team.name}}{{assignee.name}}]", setting()) == "[]"


def test_the_assignee_is_called_by_name() -> None:
    here = setting()
    taken = Setting(replace(here.ticket, assigned_to=PersonRef(7, "Ada Lovelace")), ADA)
    assert filled("{{assignee.name}}", taken) == "Ada Lovelace"


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_every_placeholder_has_a_text(name: str) -> None:
    assert "{" not in filled(f"{{{{{name}}}}}", setting())


def test_unknown_placeholders_are_named_once_each() -> None:
    text = "{{requester.shoe}} {{requester.shoe}} {{}} {{agent.name}} {{ __class__ }} {{ open"
    errors = list(text_errors(text, "/body"))
    assert [e.message.removeprefix("knows no placeholder ") for e in errors] == [
        "{{requester.shoe}}",
        "{{}}",
        "{{__class__}}",
    ]


def test_a_macro_says_or_does_something() -> None:
    pointers = [e.pointer for e in content_errors(Content(name="x", actions=Actions(comment="why")))]
    assert pointers == ["/body"]
    assert not list(content_errors(Content(name="x", body="Hello")))
    assert not list(content_errors(Content(name="x", actions=Actions(assigned_to=None))))


def test_no_macro_returns_a_ticket_to_new() -> None:
    errors = content_errors(Content(name="x", actions=Actions(status=Status.NEW)))
    assert [e.pointer for e in errors] == ["/actions/status"]
