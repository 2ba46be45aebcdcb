import msgspec
import pytest

from servicedesk.domain import workflow
from servicedesk.domain.errors import Forbidden, IllegalTransition, ReopenWindowOver, TransitionRefused
from servicedesk.domain.people import Role
from servicedesk.domain.tickets import Status, Ticket
from servicedesk.domain.times import DAY
from servicedesk.domain.workflow import AUTO_CLOSE, allowed, check_move, transitions_document
from tests.domain.tickets_made_up import ADA, MONDAY, a_ticket

NEW, OPEN, IN_PROGRESS, PENDING, ON_HOLD, RESOLVED, CLOSED = Status

TABLE = {
    NEW: "open in_progress pending on_hold resolved closed",
    OPEN: "in_progress pending on_hold resolved closed",
    IN_PROGRESS: "open pending on_hold resolved closed",
    PENDING: "open in_progress on_hold resolved closed",
    ON_HOLD: "open in_progress pending resolved closed",
    RESOLVED: "open closed",
    CLOSED: "open",
}


def move(
    ticket: Ticket, to: Status, *, staff: bool = True, comment: str | None = None, later: int = 0
) -> None:
    check_move(ticket, to, staff=staff, comment=comment, at=MONDAY + later)


def reasons(refusal: pytest.ExceptionInfo[TransitionRefused]) -> list[str]:
    return [reason["code"] for reason in refusal.value.extras["reasons"]]


@pytest.mark.parametrize("here", Status)
def test_staff_are_offered_the_moves_of_the_table_in_its_order(here: Status) -> None:
    assert allowed(here, staff=True) == TABLE[here].split()


@pytest.mark.parametrize("here", Status)
@pytest.mark.parametrize("there", Status)
def test_what_the_table_lacks_is_no_move_and_what_it_has_needs_no_more_than_it_says(
    here: Status, there: Status
) -> None:
    ticket = a_ticket(here, assigned_to=ADA, closed_at=MONDAY if here is CLOSED else None)

    if there in TABLE[here].split():
        move(ticket, there, comment="Because.")
    else:
        with pytest.raises(IllegalTransition) as refusal:
            move(ticket, there, comment="Because.")
        assert refusal.value.extras["allowed"] == TABLE[here].split()


def test_nothing_returns_to_new() -> None:
    assert not any(NEW in targets for targets in workflow.MOVES.values())


@pytest.mark.parametrize("there", [IN_PROGRESS, RESOLVED])
def test_work_needs_somebody_who_does_it(there: Status) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        move(a_ticket(OPEN, assigned_to=None), there)

    assert reasons(refusal) == ["assignee_required"]


@pytest.mark.parametrize(
    ("here", "there"), [(OPEN, ON_HOLD), (RESOLVED, OPEN), (CLOSED, OPEN), (NEW, CLOSED), (PENDING, CLOSED)]
)
@pytest.mark.parametrize("comment", [None, "", " \n"])
def test_a_hold_a_reopen_and_an_early_close_need_a_word_of_explanation(
    here: Status, there: Status, comment: str | None
) -> None:
    ticket = a_ticket(here, assigned_to=ADA, closed_at=MONDAY if here is CLOSED else None)

    with pytest.raises(TransitionRefused) as refusal:
        move(ticket, there, comment=comment)

    assert reasons(refusal) == ["comment_required"]


def test_what_was_resolved_once_is_closed_without_a_word() -> None:
    move(a_ticket(RESOLVED, assigned_to=ADA, first_resolved_at=MONDAY), CLOSED)
    move(a_ticket(OPEN, first_resolved_at=MONDAY, reopen_count=1), CLOSED)


def test_a_closed_ticket_can_be_reopened_for_fourteen_days() -> None:
    ticket = a_ticket(CLOSED, closed_at=MONDAY)
    move(ticket, OPEN, comment="Again.", later=14 * DAY)

    with pytest.raises(ReopenWindowOver):
        move(ticket, OPEN, comment="Again.", later=14 * DAY + 1)
    assert allowed(CLOSED, staff=True, closed_at=MONDAY, at=MONDAY + 14 * DAY + 1) == []


@pytest.mark.parametrize(
    ("here", "offered"), [(OPEN, [CLOSED]), (RESOLVED, [OPEN, CLOSED]), (CLOSED, [OPEN])]
)
def test_customers_may_only_reopen_or_close(here: Status, offered: list[Status]) -> None:
    assert allowed(here, staff=False) == offered


@pytest.mark.parametrize(("here", "there"), [(NEW, OPEN), (OPEN, RESOLVED), (PENDING, OPEN), (RESOLVED, NEW)])
def test_a_move_that_customers_never_make_is_forbidden_to_them(here: Status, there: Status) -> None:
    with pytest.raises(Forbidden):
        move(a_ticket(here, assigned_to=ADA), there, staff=False, comment="Please.")


def test_some_moves_happen_by_themselves() -> None:
    assert workflow.after_staff_reply(NEW) is OPEN
    assert workflow.after_staff_reply(PENDING) is None
    assert [workflow.after_requester_message(s) for s in (PENDING, RESOLVED, OPEN)] == [OPEN, OPEN, None]
    assert workflow.closes_at(MONDAY) == MONDAY + AUTO_CLOSE == MONDAY + 7 * DAY


def test_the_table_can_be_read_as_data() -> None:
    document = msgspec.json.decode(msgspec.json.encode(transitions_document()))

    assert [status["name"] for status in document["statuses"]] == list(Status)
    assert [status["order"] for status in document["statuses"]] == [1, 2, 3, 4, 5, 6, 7]
    moves = {(row["from"], row["to"]): row for row in document["transitions"]}
    assert {here: [to for f, to in moves if f == here] for here in TABLE} == {
        here: targets.split() for here, targets in TABLE.items()
    }
    assert moves["resolved", "open"] == {
        "from": "resolved",
        "to": "open",
        "label": "Reopen",
        "requires": ["comment"],
        "roles": list(Role),
    }
    assert moves["open", "in_progress"]["requires"] == ["assignee"]
    assert "customer" not in moves["open", "in_progress"]["roles"]
