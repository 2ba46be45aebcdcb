"""What somebody may do who shows nothing but the private link of one ticket."""

import pytest
from msgspec.structs import replace

from servicedesk.domain.access import BY_LINK, Notification, Owned, Private, Verb, may, require
from servicedesk.domain.errors import Forbidden, NotFound
from servicedesk.domain.people import Author, Availability, Requester, Role, User
from servicedesk.domain.tickets import Message, Ticket
from tests.domain.tickets_made_up import a_ticket

NORA = User(
    id=7,
    email="nora@home.example",
    name="Nora",
    role=Role.CUSTOMER,
    is_active=True,
    max_tickets=10,
    skills=(),
    availability=Availability.AVAILABLE,
    team_ids=(),
    created_at=0,
)
GUEST = replace(NORA, only_ticket=1)


def ticket(number: int) -> Ticket:
    return replace(a_ticket(), id=number, requester=Requester(NORA.id, NORA.name, NORA.email))


def file(number: int, *, is_internal: bool = False) -> Owned:
    return Owned(ticket_id=number, requester_id=NORA.id, is_internal=is_internal, owner_id=NORA.id)


def message(number: int) -> Message:
    author = Author(NORA.id, NORA.name, NORA.role)
    return Message(
        id=3,
        ticket_id=number,
        author=author,
        body="x",
        is_internal=False,
        client_msg_id=None,
        created_at=0,
    )


@pytest.mark.parametrize("verb", list(Verb))
def test_a_link_holder_may_do_nothing_that_is_not_done_to_their_ticket(verb: Verb) -> None:
    assert not may(GUEST, verb)
    with pytest.raises(Forbidden):
        require(GUEST, verb)


@pytest.mark.parametrize("verb", list(Verb))
def test_of_their_ticket_they_may_see_it_write_upload_close_and_reopen(verb: Verb) -> None:
    allowed = verb in (Verb.SEE, Verb.REPLY, Verb.MOVE, Verb.UPLOAD)

    assert may(GUEST, verb, ticket(1)) is allowed
    assert (verb in BY_LINK) is allowed


@pytest.mark.parametrize("verb", list(Verb))
def test_of_all_else_that_is_the_requesters_they_learn_nothing(verb: Verb) -> None:
    for thing in (
        ticket(2),
        file(2),
        message(2),
        file(1, is_internal=True),
        Notification(1, NORA.id),
        Private(user_id=NORA.id),
        NORA,
    ):
        assert not may(GUEST, verb, thing)
        with pytest.raises(NotFound):
            require(GUEST, verb, thing)


def test_the_requester_who_logs_in_has_all_their_tickets() -> None:
    assert may(NORA, Verb.SEE, ticket(1))
    assert may(NORA, Verb.SEE, ticket(2))
    assert may(NORA, Verb.CREATE_TICKET)
