"""Hand-computed clocks under calendars; times are local in Berlin, with an offset where that is needed.

A case tells what happened, when it is looked at, and for each clock: its cycle, when it is due, when it was met, when
it is or was broken, and how long it counted, was closed and was paused until then.
"""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from servicedesk.domain.calendars import Calendar, Holiday, Hours
from servicedesk.domain.sla import (
    STANDARD,
    Clock,
    Entry,
    Kind,
    Policy,
    Promise,
    Targets,
    clocks,
    pausing,
    state,
)
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR, MINUTE, SECOND, Instant

BERLIN = ZoneInfo("Europe/Berlin")
CLOSED: Hours = ()
WITH_LUNCH: Hours = ((9 * 3600, 12 * 3600), (13 * 3600, 17 * 3600))
OFFICE = Calendar(
    "Office",
    "Europe/Berlin",
    (*(WITH_LUNCH,) * 5, CLOSED, CLOSED),
    (
        Holiday("2026-12-24", "Christmas Eve", ((9 * 3600, 12 * 3600),)),
        Holiday("12-25", "Christmas"),
        Holiday("01-01", "New Year"),
    ),
)
"""Seven hours a day: from 9 to 12 and from 13 to 17."""
NIGHTS = Calendar("Nights", "Europe/Berlin", (((0, 6 * 3600),),) * 7)
INDIA = Calendar("Pune", "Asia/Kolkata", (*(((9 * 3600, 17 * 3600),),) * 5, CLOSED, CLOSED))

SUPPORT = Policy(
    "Support",
    {
        Priority.CRITICAL: Targets(1 * HOUR, 4 * HOUR, next_response=1 * HOUR),
        Priority.HIGH: Targets(2 * HOUR, 7 * HOUR, next_response=2 * HOUR),
        Priority.MEDIUM: Targets(4 * HOUR, 14 * HOUR, next_response=4 * HOUR),
        Priority.LOW: Targets(7 * HOUR, 35 * HOUR),
    },
    pausing(Status.PENDING, Status.ON_HOLD),
    OFFICE,
)
STRICT = msgspec.structs.replace(SUPPORT, pauses={Promise.RESOLUTION: frozenset({Status.ON_HOLD})})
"""A requester who is slow is our trouble, and no answer may wait for a third party."""
NIGHT_SHIFT = msgspec.structs.replace(SUPPORT, calendar=NIGHTS)
PUNE = msgspec.structs.replace(SUPPORT, calendar=INDIA)
ANSWERS_ONLY = Policy("Answers", {Priority.HIGH: Targets(2 * HOUR)}, pausing(Status.PENDING), OFFICE)

# Mon 23, Tue 24 … Fri 27, Mon 30 November 2026
CASES = [
    (
        "A day is seven hours",
        SUPPORT,
        "2026-11-23T09:00 new high",
        "2026-11-23T10:00",
        "first_response 1 due 2026-11-23T11:00 met - broken 2026-11-23T11:00 is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 1:00:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Lunch does not count: half an hour before it, half an hour after it",
        SUPPORT,
        "2026-11-23T11:30 new critical",
        "2026-11-23T14:00",
        "first_response 1 due 2026-11-23T13:30 met - broken 2026-11-23T13:30 is 1:30:00 + 1:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T16:30 met - broken 2026-11-23T16:30 is 1:30:00 + 1:00:00 + 0:00:00",
    ),
    (
        "A weekend does not count: one hour on Friday, the second one on Monday",
        SUPPORT,
        "2026-11-27T16:00 new high",
        "2026-11-28T12:00",
        "first_response 1 due 2026-11-30T10:00 met - broken 2026-11-30T10:00 is 1:00:00 + 19:00:00 + 0:00:00",
        "resolution 1 due 2026-11-30T16:00 met - broken 2026-11-30T16:00 is 1:00:00 + 19:00:00 + 0:00:00",
    ),
    (
        "A ticket of Saturday begins on Monday",
        SUPPORT,
        "2026-11-28T10:00 new high",
        "2026-11-30T09:30",
        "first_response 1 due 2026-11-30T11:00 met - broken 2026-11-30T11:00 is 0:30:00 + 47:00:00 + 0:00:00",
        "resolution 1 due 2026-11-30T17:00 met - broken 2026-11-30T17:00 is 0:30:00 + 47:00:00 + 0:00:00",
    ),
    (
        "To the second: thirty seconds before lunch, the rest of the hour after it",
        SUPPORT,
        "2026-11-23T11:59:30 new critical",
        "2026-11-23T13:00:30",
        "first_response 1 due 2026-11-23T13:59:30 met - broken 2026-11-23T13:59:30 is 0:01:00 + 1:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T16:59:30 met - broken 2026-11-23T16:59:30 is 0:01:00 + 1:00:00 + 0:00:00",
    ),
    (
        "What is due when the desk closes is late before it opens again",
        SUPPORT,
        "2026-11-23T13:00 new medium, 2026-11-24T08:00 reply",
        "2026-11-24T08:00",
        "first_response 1 due 2026-11-23T17:00 met 2026-11-24T08:00 broken 2026-11-23T17:00"
        " is 4:00:00 + 15:00:00 + 0:00:00",
        "resolution 1 due 2026-11-25T12:00 met - broken 2026-11-25T12:00 is 4:00:00 + 15:00:00 + 0:00:00",
    ),
    (
        "At the very second it is in time",
        SUPPORT,
        "2026-11-23T13:00 new medium, 2026-11-23T17:00 reply",
        "2026-11-23T17:00",
        "first_response 1 due 2026-11-23T17:00 met 2026-11-23T17:00 broken - is 4:00:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-25T12:00 met - broken 2026-11-25T12:00 is 4:00:00 + 0:00:00 + 0:00:00",
    ),
    (
        "A second later it is not",
        SUPPORT,
        "2026-11-23T13:00 new medium, 2026-11-23T17:00:01 reply",
        "2026-11-23T17:00:01",
        "first_response 1 due 2026-11-23T17:00 met 2026-11-23T17:00:01 broken 2026-11-23T17:00"
        " is 4:00:00 + 0:00:01 + 0:00:00",
        "resolution 1 due 2026-11-25T12:00 met - broken 2026-11-25T12:00 is 4:00:00 + 0:00:01 + 0:00:00",
    ),
    (
        "An answer over lunch to what was due at noon is late",
        SUPPORT,
        "2026-11-23T11:00 new critical, 2026-11-23T12:30 reply",
        "2026-11-23T12:30",
        "first_response 1 due 2026-11-23T12:00 met 2026-11-23T12:30 broken 2026-11-23T12:00"
        " is 1:00:00 + 0:30:00 + 0:00:00",
        "resolution 1 due 2026-11-23T16:00 met - broken 2026-11-23T16:00 is 1:00:00 + 0:30:00 + 0:00:00",
    ),
    (
        "An answer in the night before is as good as one in the morning",
        SUPPORT,
        "2026-11-23T16:30 new critical, 2026-11-23T23:00 reply",
        "2026-11-23T23:00",
        "first_response 1 due 2026-11-24T09:30 met 2026-11-23T23:00 broken - is 0:30:00 + 6:00:00 + 0:00:00",
        "resolution 1 due 2026-11-24T13:30 met - broken 2026-11-24T13:30 is 0:30:00 + 6:00:00 + 0:00:00",
    ),
    # Holidays -------------------------------------------------------------------------------------------------
    (
        "Christmas Eve closes at noon, Christmas is Friday: the second hour is on Monday",
        SUPPORT,
        "2026-12-24T11:00 new high",
        "2026-12-26T11:00",
        "first_response 1 due 2026-12-28T10:00 met - broken 2026-12-28T10:00 is 1:00:00 + 47:00:00 + 0:00:00",
        "resolution 1 due 2026-12-28T16:00 met - broken 2026-12-28T16:00 is 1:00:00 + 47:00:00 + 0:00:00",
    ),
    (
        "In the afternoon of Christmas Eve nothing runs",
        SUPPORT,
        "2026-12-24T13:30 new critical",
        "2026-12-24T16:30",
        "first_response 1 due 2026-12-28T10:00 met - broken 2026-12-28T10:00 is 0:00:00 + 3:00:00 + 0:00:00",
        "resolution 1 due 2026-12-28T14:00 met - broken 2026-12-28T14:00 is 0:00:00 + 3:00:00 + 0:00:00",
    ),
    (
        "A holiday of every year: New Year's Day 2027 is a Friday",
        SUPPORT,
        "2026-12-31T16:00 new high",
        "2027-01-04T09:00",
        "first_response 1 due 2027-01-04T10:00 met - broken 2027-01-04T10:00 is 1:00:00 + 88:00:00 + 0:00:00",
        "resolution 1 due 2027-01-04T16:00 met - broken 2027-01-04T16:00 is 1:00:00 + 88:00:00 + 0:00:00",
    ),
    (
        "The same days in a year whose Christmas Eve is an ordinary Thursday",
        SUPPORT,
        "2020-12-24T13:30 new critical",
        "2020-12-24T14:00",
        "first_response 1 due 2020-12-24T14:30 met - broken 2020-12-24T14:30 is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2020-12-28T09:30 met - broken 2020-12-28T09:30 is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    # Pauses ---------------------------------------------------------------------------------------------------
    (
        "A pause over lunch: two business hours, three on the wall",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T10:00 reply, 2026-11-23T11:00 pending, 2026-11-23T14:00 open",
        "2026-11-23T14:00",
        "first_response 1 due 2026-11-23T11:00 met 2026-11-23T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-24T11:00 met - broken 2026-11-24T11:00 is 2:00:00 + 0:00:00 + 3:00:00",
    ),
    (
        "A pause over the weekend: six of seven hours were used on Friday",
        SUPPORT,
        "2026-11-27T09:00 new high, 2026-11-27T09:30 reply, 2026-11-27T16:00 pending, 2026-11-30T10:00 open",
        "2026-11-30T10:00",
        "first_response 1 due 2026-11-27T11:00 met 2026-11-27T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-30T11:00 met - broken 2026-11-30T11:00 is 6:00:00 + 1:00:00 + 66:00:00",
    ),
    (
        "A pause in the night changes nothing: a day on Monday, a day on Tuesday",
        SUPPORT,
        "2026-11-23T09:00 new medium, 2026-11-23T09:10 reply, 2026-11-23T18:00 pending, 2026-11-24T08:00 open",
        "2026-11-24T08:00",
        "first_response 1 due 2026-11-23T14:00 met 2026-11-23T09:10 broken - is 0:10:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-24T17:00 met - broken 2026-11-24T17:00 is 7:00:00 + 2:00:00 + 14:00:00",
    ),
    (
        "While it is paused the due times stay as they were",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T10:00 pending",
        "2026-11-25T12:00 paused",
        "first_response 1 due 2026-11-23T11:00 met - broken - is 1:00:00 + 0:00:00 + 50:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken - is 1:00:00 + 0:00:00 + 50:00:00",
    ),
    (
        "From one pause into the other is one pause",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:30 pending, 2026-11-23T10:00 on_hold, 2026-11-23T11:00 open",
        "2026-11-23T11:00",
        "first_response 1 due 2026-11-23T13:30 met - broken 2026-11-23T13:30 is 0:30:00 + 0:00:00 + 1:30:00",
        "resolution 1 due 2026-11-24T10:30 met - broken 2026-11-24T10:30 is 0:30:00 + 0:00:00 + 1:30:00",
    ),
    (
        "Two pauses add up: an hour and an hour",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:30 reply, 2026-11-23T10:00 pending, 2026-11-23T11:00 open,"
        "2026-11-23T13:00 on_hold, 2026-11-23T14:00 in_progress",
        "2026-11-23T15:00",
        "first_response 1 due 2026-11-23T11:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-24T11:00 met - broken 2026-11-24T11:00 is 3:00:00 + 1:00:00 + 2:00:00",
    ),
    (
        "Born waiting, a ticket has used nothing",
        SUPPORT,
        "2026-11-23T09:00 pending high, 2026-11-23T13:30 open",
        "2026-11-23T13:30",
        "first_response 1 due 2026-11-23T15:30 met - broken 2026-11-23T15:30 is 0:00:00 + 0:00:00 + 4:30:00",
        "resolution 1 due 2026-11-24T13:30 met - broken 2026-11-24T13:30 is 0:00:00 + 0:00:00 + 4:30:00",
    ),
    (
        "Broken before the pause, it stays broken in it",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T10:30 pending",
        "2026-11-23T11:00 breached",
        "first_response 1 due 2026-11-23T10:00 met - broken 2026-11-23T10:00 is 1:30:00 + 0:00:00 + 0:30:00",
        "resolution 1 due 2026-11-23T14:00 met - broken - is 1:30:00 + 0:00:00 + 0:30:00",
    ),
    (
        "A pause that begins after closing time comes too late for what was due then",
        SUPPORT,
        "2026-11-23T13:00 new medium, 2026-11-23T19:00 pending",
        "2026-11-23T20:00 breached",
        "first_response 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 4:00:00 + 2:00:00 + 1:00:00",
        "resolution 1 due 2026-11-25T12:00 met - broken - is 4:00:00 + 2:00:00 + 1:00:00",
    ),
    (
        "One clock may run while the other stands: an answer waits for nobody",
        STRICT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:20 on_hold",
        "2026-11-23T09:40 ok",
        "first_response 1 due 2026-11-23T10:00 met - broken 2026-11-23T10:00 is 0:40:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met - broken - is 0:20:00 + 0:00:00 + 0:20:00",
    ),
    # Priorities -----------------------------------------------------------------------------------------------
    (
        "A raised priority counts from the beginning",
        SUPPORT,
        "2026-11-23T09:00 new low, 2026-11-23T15:00 critical",
        "2026-11-23T15:00 breached",
        "first_response 1 due 2026-11-23T10:00 met - broken 2026-11-23T10:00 is 5:00:00 + 1:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met - broken 2026-11-23T14:00 is 5:00:00 + 1:00:00 + 0:00:00",
    ),
    (
        "A lowered one gives time back: a day, and five",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T10:30 low",
        "2026-11-23T10:30 ok",
        "first_response 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 1:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-27T17:00 met - broken 2026-11-27T17:00 is 1:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "An answer is judged by the priority of its moment",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T10:30 reply, 2026-11-23T11:00 low",
        "2026-11-23T11:00 breached",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T10:30 broken 2026-11-23T10:00"
        " is 1:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-27T17:00 met - broken 2026-11-27T17:00 is 2:00:00 + 0:00:00 + 0:00:00",
    ),
    (
        "A priority that changes in a pause: half an hour was used",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:30 pending, 2026-11-23T10:00 high",
        "2026-11-23T12:00 paused",
        "first_response 1 due 2026-11-23T11:00 met - broken - is 0:30:00 + 0:00:00 + 2:30:00",
        "resolution 1 due 2026-11-23T17:00 met - broken - is 0:30:00 + 0:00:00 + 2:30:00",
    ),
    (
        "Up and down again is as if nothing had been",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:30 critical, 2026-11-23T10:30 high",
        "2026-11-23T10:30 at_risk",
        "first_response 1 due 2026-11-23T11:00 met - broken 2026-11-23T11:00 is 1:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 1:30:00 + 0:00:00 + 0:00:00",
    ),
    # Resolved and reopened ------------------------------------------------------------------------------------
    (
        "Resolved in the evening: the hours after closing are not counted",
        SUPPORT,
        "2026-11-23T16:00 new critical, 2026-11-23T16:10 reply, 2026-11-23T20:00 resolved",
        "2026-11-30T09:00 met",
        "first_response 1 due 2026-11-23T17:00 met 2026-11-23T16:10 broken - is 0:10:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-24T12:00 met 2026-11-23T20:00 broken - is 1:00:00 + 3:00:00 + 0:00:00",
    ),
    (
        "Closed without an answer ends both",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:45 closed",
        "2026-11-30T09:00 met",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:45 broken - is 0:45:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T09:45 broken - is 0:45:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Reopened after one of four hours: three are left",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:15 reply, 2026-11-23T10:00 resolved, 2026-11-24T09:00 open",
        "2026-11-24T10:00 ok",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:15 broken - is 0:15:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T12:00 met - broken 2026-11-24T12:00 is 1:00:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Reopened with a quarter of an hour left: a quarter of four hours it is, half of it tomorrow",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:15 reply, 2026-11-23T13:45 resolved, 2026-11-23T16:30 open",
        "2026-11-23T17:30",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:15 broken - is 0:15:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T13:45 broken - is 3:45:00 + 1:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T09:30 met - broken 2026-11-24T09:30 is 0:30:00 + 0:30:00 + 0:00:00",
    ),
    (
        "Reopened after a breach: a quarter, and the verdict stays",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:15 reply, 2026-11-23T15:00 resolved, 2026-11-24T09:00 open,"
        "2026-11-24T09:30 resolved",
        "2026-11-24T10:00 breached",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:15 broken - is 0:15:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T15:00 broken 2026-11-23T14:00"
        " is 5:00:00 + 1:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T10:00 met 2026-11-24T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Twice reopened: what was left of what was left",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:15 reply, 2026-11-23T10:00 resolved, 2026-11-24T09:00 open,"
        "2026-11-24T10:00 resolved, 2026-11-25T09:00 open",
        "2026-11-25T10:45 at_risk",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:15 broken - is 0:15:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T12:00 met 2026-11-24T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 3 due 2026-11-25T11:00 met - broken 2026-11-25T11:00 is 1:45:00 + 0:00:00 + 0:00:00",
    ),
    (
        "A reopened ticket pauses like any other: an hour used, two left after lunch",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:15 reply, 2026-11-23T10:00 resolved, 2026-11-24T09:00 open,"
        "2026-11-24T10:00 pending, 2026-11-24T14:00 open",
        "2026-11-24T14:00 ok",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:15 broken - is 0:15:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T16:00 met - broken 2026-11-24T16:00 is 1:00:00 + 0:00:00 + 4:00:00",
    ),
    (
        "Another priority after the reopening: seven hours less the one that was used",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:15 reply, 2026-11-23T10:00 resolved, 2026-11-24T09:00 open,"
        "2026-11-24T09:30 high",
        "2026-11-24T09:30 ok",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:15 broken - is 0:15:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T16:00 met - broken 2026-11-24T16:00 is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    # What the requester said later ----------------------------------------------------------------------------
    (
        "A question after the answer waits for the next one, over lunch",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:30 reply, 2026-11-23T11:30 ask",
        "2026-11-23T13:15 at_risk",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T13:30 met - broken 2026-11-23T13:30 is 0:45:00 + 1:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met - broken 2026-11-23T14:00 is 3:15:00 + 1:00:00 + 0:00:00",
    ),
    (
        "It is broken when the answer comes late",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:30 reply, 2026-11-23T11:30 ask, 2026-11-23T13:45 reply",
        "2026-11-23T13:45 breached",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T13:30 met 2026-11-23T13:45 broken 2026-11-23T13:30"
        " is 1:15:00 + 1:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met - broken 2026-11-23T14:00 is 3:45:00 + 1:00:00 + 0:00:00",
    ),
    (
        "Three messages without an answer count from the first",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:30 reply, 2026-11-23T10:00 ask, 2026-11-23T10:50 ask,"
        "2026-11-23T13:10 ask, 2026-11-23T14:00 reply",
        "2026-11-23T14:00",
        "first_response 1 due 2026-11-23T11:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T12:00 met 2026-11-23T14:00 broken 2026-11-23T12:00"
        " is 3:00:00 + 1:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 4:00:00 + 1:00:00 + 0:00:00",
    ),
    (
        "Each question that was answered begins a cycle of its own",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:30 reply, 2026-11-23T10:00 ask, 2026-11-23T10:20 reply,"
        "2026-11-23T14:30 ask",
        "2026-11-23T15:30",
        "first_response 1 due 2026-11-23T11:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T12:00 met 2026-11-23T10:20 broken - is 0:20:00 + 0:00:00 + 0:00:00",
        "next_response 2 due 2026-11-23T16:30 met - broken 2026-11-23T16:30 is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 5:30:00 + 1:00:00 + 0:00:00",
    ),
    (
        "What is said before the first answer waits for that one",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:10 ask, 2026-11-23T09:20 ask",
        "2026-11-23T10:00 ok",
        "first_response 1 due 2026-11-23T11:00 met - broken 2026-11-23T11:00 is 1:00:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 1:00:00 + 0:00:00 + 0:00:00",
    ),
    (
        "A resolution is an answer too",
        SUPPORT,
        "2026-11-23T09:00 new high, 2026-11-23T09:30 reply, 2026-11-23T10:00 ask, 2026-11-23T10:30 resolved",
        "2026-11-30T09:00 met",
        "first_response 1 due 2026-11-23T11:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T12:00 met 2026-11-23T10:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met 2026-11-23T10:30 broken - is 1:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "A question waits with the ticket: a quarter of an hour used, three quarters left",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:30 reply, 2026-11-23T10:00 ask, 2026-11-23T10:15 on_hold,"
        "2026-11-23T11:15 open",
        "2026-11-23T11:15",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T12:00 met - broken 2026-11-23T12:00 is 0:15:00 + 0:00:00 + 1:00:00",
        "resolution 1 due 2026-11-23T15:00 met - broken 2026-11-23T15:00 is 1:15:00 + 0:00:00 + 1:00:00",
    ),
    (
        "A message that reopens begins both: an answer within the hour, three hours for the rest",
        SUPPORT,
        "2026-11-23T09:00 new critical, 2026-11-23T09:30 reply, 2026-11-23T10:00 resolved, 2026-11-24T09:00 ask,"
        "2026-11-24T09:00 open",
        "2026-11-24T09:30 ok",
        "first_response 1 due 2026-11-23T10:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T14:00 met 2026-11-23T10:00 broken - is 1:00:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-24T10:00 met - broken 2026-11-24T10:00 is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 2 due 2026-11-24T12:00 met - broken 2026-11-24T12:00 is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Low priority promises no next answer; raised, the promise counts from the question",
        SUPPORT,
        "2026-11-23T09:00 new low, 2026-11-23T09:30 reply, 2026-11-23T10:00 ask, 2026-11-23T10:30 high",
        "2026-11-23T10:30 ok",
        "first_response 1 due 2026-11-23T17:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "next_response 1 due 2026-11-23T12:00 met - broken 2026-11-23T12:00 is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T17:00 met - broken 2026-11-23T17:00 is 1:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Low priority, no question clock at all",
        SUPPORT,
        "2026-11-23T09:00 new low, 2026-11-23T09:30 reply, 2026-11-23T10:00 ask",
        "2026-11-23T10:30 ok",
        "first_response 1 due 2026-11-23T17:00 met 2026-11-23T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-27T17:00 met - broken 2026-11-27T17:00 is 1:30:00 + 0:00:00 + 0:00:00",
    ),
    # Another policy for the same past -------------------------------------------------------------------------
    (
        "The weekend's pause around the clock: seven of eight hours were used on Friday",
        STANDARD,
        "2026-11-27T09:00 new high, 2026-11-27T09:30 reply, 2026-11-27T16:00 pending, 2026-11-30T10:00 open",
        "2026-11-30T10:00 at_risk",
        "first_response 1 due 2026-11-27T11:00 met 2026-11-27T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-30T11:00 met - broken 2026-11-30T11:00 is 7:00:00 + 0:00:00 + 66:00:00",
    ),
    (
        "The same where waiting for the requester counts: it was due on Friday evening",
        STRICT,
        "2026-11-27T09:00 new high, 2026-11-27T09:30 reply, 2026-11-27T16:00 pending, 2026-11-30T10:00 open",
        "2026-11-30T10:00 breached",
        "first_response 1 due 2026-11-27T11:00 met 2026-11-27T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-27T17:00 met - broken 2026-11-27T17:00 is 8:00:00 + 65:00:00 + 0:00:00",
    ),
    (
        "Where nights alone count, Friday's hours are closed",
        NIGHT_SHIFT,
        "2026-11-27T09:00 new high, 2026-11-27T09:30 reply, 2026-11-27T16:00 pending, 2026-11-30T10:00 open",
        "2026-11-30T10:00 ok",
        "first_response 1 due 2026-11-28T02:00 met 2026-11-27T09:30 broken - is 0:00:00 + 0:30:00 + 0:00:00",
        "resolution 1 due 2026-12-02T01:00 met - broken 2026-12-02T01:00 is 0:00:00 + 7:00:00 + 66:00:00",
    ),
    (
        "Where only the answer is promised, it is all that can be met",
        ANSWERS_ONLY,
        "2026-11-27T09:00 new high, 2026-11-27T09:30 reply, 2026-11-27T16:00 pending, 2026-11-30T10:00 open",
        "2026-11-30T10:00 met",
        "first_response 1 due 2026-11-27T11:00 met 2026-11-27T09:30 broken - is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "Five in the morning in Berlin is half past nine in Pune",
        PUNE,
        "2026-11-23T05:00 new critical",
        "2026-11-23T05:30 ok",
        "first_response 1 due 2026-11-23T06:00 met - broken 2026-11-23T06:00 is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-11-23T09:00 met - broken 2026-11-23T09:00 is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    # When clocks are turned -----------------------------------------------------------------------------------
    (
        "Around the clock an hour is an hour: in March three comes after two",
        STANDARD,
        "2026-03-29T01:30 new critical",
        "2026-03-29T03:00 ok",
        "first_response 1 due 2026-03-29T03:30 met - broken 2026-03-29T03:30 is 0:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-03-29T06:30 met - broken 2026-03-29T06:30 is 0:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "In October two comes twice",
        STANDARD,
        "2026-10-25T01:30 new critical",
        "2026-10-25T02:00+01:00 breached",
        "first_response 1 due 2026-10-25T02:30+02:00 met - broken 2026-10-25T02:30+02:00"
        " is 1:30:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-10-25T04:30 met - broken 2026-10-25T04:30 is 1:30:00 + 0:00:00 + 0:00:00",
    ),
    (
        "The short weekend in March: 63 hours from Friday evening to Monday morning",
        SUPPORT,
        "2026-03-27T16:00 new high",
        "2026-03-30T09:00 ok",
        "first_response 1 due 2026-03-30T10:00 met - broken 2026-03-30T10:00 is 1:00:00 + 63:00:00 + 0:00:00",
        "resolution 1 due 2026-03-30T16:00 met - broken 2026-03-30T16:00 is 1:00:00 + 63:00:00 + 0:00:00",
    ),
    (
        "The long weekend in October: 65 hours",
        SUPPORT,
        "2026-10-23T16:00 new high",
        "2026-10-26T09:00 ok",
        "first_response 1 due 2026-10-26T10:00 met - broken 2026-10-26T10:00 is 1:00:00 + 65:00:00 + 0:00:00",
        "resolution 1 due 2026-10-26T16:00 met - broken 2026-10-26T16:00 is 1:00:00 + 65:00:00 + 0:00:00",
    ),
    (
        "The short night: an hour on Saturday, two before the gap, one after it",
        NIGHT_SHIFT,
        "2026-03-28T05:00 new critical",
        "2026-03-29T03:00 breached",
        "first_response 1 due 2026-03-28T06:00 met - broken 2026-03-28T06:00 is 3:00:00 + 18:00:00 + 0:00:00",
        "resolution 1 due 2026-03-29T04:00 met - broken 2026-03-29T04:00 is 3:00:00 + 18:00:00 + 0:00:00",
    ),
    (
        "The long night: an hour on Saturday, three until two o'clock comes again",
        NIGHT_SHIFT,
        "2026-10-24T05:00 new critical",
        "2026-10-25T02:00+02:00 breached",
        "first_response 1 due 2026-10-24T06:00 met - broken 2026-10-24T06:00 is 3:00:00 + 18:00:00 + 0:00:00",
        "resolution 1 due 2026-10-25T02:00+01:00 met - broken 2026-10-25T02:00+01:00"
        " is 3:00:00 + 18:00:00 + 0:00:00",
    ),
    (
        "A pause over the gap from one to four is two hours",
        STANDARD,
        "2026-03-29T00:30 new critical, 2026-03-29T00:40 reply, 2026-03-29T01:00 pending, 2026-03-29T04:00 open",
        "2026-03-29T04:00 ok",
        "first_response 1 due 2026-03-29T01:30 met 2026-03-29T00:40 broken - is 0:10:00 + 0:00:00 + 0:00:00",
        "resolution 1 due 2026-03-29T07:30 met - broken 2026-03-29T07:30 is 0:30:00 + 0:00:00 + 2:00:00",
    ),
]


def moment(text: str) -> Instant:
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=BERLIN)).timestamp()) * SECOND


def course(text: str) -> list[Entry]:
    log = []
    for line in text.split(","):
        time, *words = line.split()
        status = next((Status(word) for word in words if word in list(Status)), None)
        priority = next((Priority(word) for word in words if word in list(Priority)), None)
        log.append(Entry(moment(time), status, priority, "reply" in words, "ask" in words))
    return log


def written(clock: Clock, now: Instant) -> tuple[str, int, list[Instant | None], list[str]]:
    """Return how a clock stands, in the order of the table."""
    intervals = clock.intervals(now)
    spans = [sum(i.end - i.start for i in intervals if i.kind is kind) for kind in Kind]
    return clock.name, clock.cycle, [clock.due_at, clock.met_at, clock.breach_at], [*map(span, spans)]


def read(line: str) -> tuple[str, int, list[Instant | None], list[str]]:
    name, cycle, _due, due, _met, met, _broken, broken, _is, counted, _, closed, _, paused = line.split()
    moments = [None if text == "-" else moment(text) for text in (due, met, broken)]
    return name, int(cycle), moments, [counted, closed, paused]


def span(duration: int) -> str:
    seconds = duration // SECOND
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_hand_computed_case(case: tuple[str, Policy, str, str, *tuple[str, ...]]) -> None:
    _, policy, log, look, *lines = case
    time, *wanted = look.split()
    now = moment(time)

    found = clocks(course(log), policy)

    assert sorted(written(clock, now) for clock in found.cycles) == sorted(read(line) for line in lines)
    for word in wanted:
        assert state(found.phase, found.due_at, found.risk_at, found.breach_at, now) == word


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_receipt_has_no_gap_and_counts_what_was_used(
    case: tuple[str, Policy, str, str, *tuple[str, ...]],
) -> None:
    _, policy, log, look, *_ = case
    now = moment(look.split()[0])

    for clock in clocks(course(log), policy).cycles:
        intervals = clock.intervals(now)
        assert sum(i.end - i.start for i in intervals if i.kind is Kind.COUNTED) == clock.used(now)
        assert all(before.end == after.start for before, after in pairwise(intervals))
        if intervals:
            assert (intervals[0].start, intervals[-1].end) == (clock.started_at, clock.met_at or now)


def test_the_table_is_worth_its_name() -> None:
    assert len(CASES) >= 40
    assert len({case[0] for case in CASES}) == len(CASES)


def test_a_share_of_the_time_is_reached_through_the_calendar() -> None:
    found = clocks(course("2026-11-27T16:00 new high"), SUPPORT)

    assert found.resolution is not None
    shares = [found.resolution.at_share(percent) for percent in (0, 10, 50, 75, 100, 150)]
    assert shares == [
        moment("2026-11-27T16:00"),
        moment("2026-11-27T16:42"),
        moment("2026-11-30T11:30"),
        moment("2026-11-30T14:15"),
        moment("2026-11-30T16:00"),
        # 10:30 hours: one on Friday, a day on Monday, two and a half on Tuesday
        moment("2026-12-01T11:30"),
    ]


def test_a_clock_that_stands_or_is_met_reaches_no_share() -> None:
    paused = clocks(
        course("2026-11-23T09:00 new high, 2026-11-23T09:30 reply, 2026-11-23T10:00 pending"), SUPPORT
    )

    assert [clock.at_share(50) for clock in paused.cycles] == [None, None]


def test_a_share_that_was_used_before_a_pause_was_reached_then() -> None:
    log = "2026-11-23T09:00 new critical, 2026-11-23T09:50 pending, 2026-11-23T11:00 open"
    first = clocks(course(log), SUPPORT).first_response

    assert first is not None
    assert first.at_share(50) == moment("2026-11-23T09:30")
    assert first.at_share(100) == first.due_at == moment("2026-11-23T11:00") + 10 * MINUTE
