"""Who works at the company, who asks it for help, and what has happened in the last three weeks."""

from functools import partial
from typing import Final, NamedTuple

from servicedesk.domain import escalation, macros, saved_views
from servicedesk.domain.calendars import Calendar, Holiday, Hours
from servicedesk.domain.escalation import NEW, Do, Target, Tier, When, WhenKind, Whom
from servicedesk.domain.macros import ME, Actions
from servicedesk.domain.people import Availability, Preset, Role
from servicedesk.domain.sla import Policy, Promise, Targets, pausing
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR

LOW, MEDIUM, HIGH, CRITICAL = Priority


_DAY: Final[Hours] = ((8 * 3600, 12 * 3600), (13 * 3600, 18 * 3600))
OFFICE_HOURS: Final = Calendar(
    "Office hours",
    "Europe/Berlin",
    (_DAY, _DAY, _DAY, _DAY, _DAY, (), ()),
    (
        Holiday("01-01", "New Year"),
        Holiday("05-01", "Labour Day"),
        Holiday("12-24", "Christmas Eve", ((8 * 3600, 12 * 3600),)),
        Holiday("12-25", "Christmas"),
        Holiday("12-26", "Boxing Day"),
    ),
)
"""When somebody is there, with lunch between."""
IN_OFFICE: Final = "Business systems"
"""The team that promises nothing for the night."""
IN_OFFICE_HOURS: Final = Policy(
    "Office hours",
    {
        CRITICAL: Targets(1 * HOUR, 6 * HOUR, next_response=1 * HOUR),
        HIGH: Targets(2 * HOUR, 9 * HOUR, next_response=2 * HOUR),
        MEDIUM: Targets(4 * HOUR, 27 * HOUR, next_response=4 * HOUR),
        LOW: Targets(9 * HOUR, 45 * HOUR),
    },
    pausing(Status.PENDING, Status.ON_HOLD),
)

_OF_RESOLUTION: Final = partial(When, kind=WhenKind.SHARE, clock=Promise.RESOLUTION)
MACROS: Final = (
    macros.Content(
        name="Ask for details",
        body="Hello {{requester.first_name}},\n\ncould you tell us since when this happens, and send a picture of the"
        " message if there is one?\n\nThank you\n{{agent.first_name}}",
        actions=Actions(status=Status.PENDING, assigned_to=ME),
        is_shared=True,
    ),
    macros.Content(
        name="Solved",
        body="Hello {{requester.first_name}},\n\n“{{ticket.title}}” should be solved. If anything is left, just answer"
        " and {{ticket.reference}} is open again.\n\n{{agent.first_name}}",
        actions=Actions(status=Status.RESOLVED, assigned_to=ME),
        is_shared=True,
    ),
    macros.Content(
        name="Wait for the supplier",
        body="The supplier was asked; {{agent.name}} looks again tomorrow.",
        is_internal=True,
        actions=Actions(status=Status.ON_HOLD, comment="The supplier was asked.", add_tags=("supplier",)),
        is_shared=True,
    ),
)
"""What everybody says again and again."""
VIEWS: Final = (
    saved_views.Content(
        name="Urgent",
        query="priority=high,critical&status=new,open,in_progress&sort=-priority",
        is_shared=True,
    ),
    saved_views.Content(name="With the supplier", query="status=on_hold&sort=updated_at", is_shared=True),
)

LEFT_LYING: Final = escalation.Policy(
    name="Left lying",
    is_default=True,
    tiers=(
        Tier(id=NEW, when=_OF_RESOLUTION(percent=75), whom=Whom(kind=Target.ASSIGNEE), do=(Do.NOTIFY,)),
        Tier(
            id=NEW,
            when=_OF_RESOLUTION(percent=100),
            whom=Whom(kind=Target.LEAD),
            do=(Do.NOTIFY, Do.TAG),
            tag="late",
            acknowledge_minutes=60,
        ),
        Tier(id=NEW, when=When(kind=WhenKind.MANUAL), whom=Whom(kind=Target.TEAM), do=(Do.NOTIFY,)),
    ),
)
"""Who hears of a late ticket. Nobody gets it by that: what the stories tell of assignments stays."""


class Colleague(NamedTuple):
    name: str
    role: Role
    skills: tuple[str, ...]
    most: int = 10
    availability: Availability = Availability.AVAILABLE

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@larkfield.example"


class Group(NamedTuple):
    name: str
    preset: Preset
    lead: str
    members: tuple[str, ...]


class Customer(NamedTuple):
    name: str
    firm: str

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}@{self.firm}.example"


class Step(NamedTuple):
    """Something that happens ``after`` so many hours: what, and in which words."""

    after: float
    what: str
    text: str = ""


class Story(NamedTuple):
    """A ticket's life. ``ago`` is how many hours ago it began."""

    ago: float
    customer: str
    team: str
    priority: Priority
    category: str
    title: str
    text: str
    tags: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


OWNER: Final = Colleague("Rosa Adler", Role.ADMIN, ())
"""Comes in where there is no admin yet."""
COLLEAGUES: Final = (
    Colleague("Marta Okonjo", Role.SUPERVISOR, ("network", "windows", "mail")),
    Colleague("Priya Raman", Role.AGENT, ("windows", "printers", "mail")),
    Colleague("Tomasz Lind", Role.AGENT, ("network", "vpn", "linux"), 12),
    Colleague("Elif Sandberg", Role.AGENT, ("network", "wifi")),
    Colleague("Jonas Weber", Role.AGENT, ("windows", "printers"), 8),
    Colleague("Amelie Duchamp", Role.AGENT, ("accounts", "mail"), 10, Availability.AWAY),
    Colleague("Noor Haddad", Role.AGENT, ("accounts", "mail", "windows")),
    Colleague("Ivan Petkov", Role.AGENT, ("erp", "databases"), 6),
    Colleague("Grace Mbeki", Role.AGENT, ("erp", "reports")),
    Colleague("Lucas Ferri", Role.AGENT, ("erp", "billing"), 8),
    Colleague("Hana Sato", Role.AGENT, ("linux", "databases", "vpn")),
    Colleague("Owen Clarke", Role.SUPERVISOR, ("billing", "accounts")),
)

GROUPS: Final = (
    Group("Workplace", Preset.BALANCED, "Marta Okonjo", ("Priya Raman", "Jonas Weber", "Noor Haddad")),
    Group("Network", Preset.SKILLS, "Marta Okonjo", ("Tomasz Lind", "Elif Sandberg", "Hana Sato")),
    Group(
        "Business systems", Preset.ROUND_ROBIN, "Owen Clarke", ("Ivan Petkov", "Grace Mbeki", "Lucas Ferri")
    ),
    Group("Accounts", Preset.MANUAL, "Owen Clarke", ("Amelie Duchamp", "Noor Haddad")),
)

CUSTOMERS: Final = (
    Customer("Bea Holm", "holm-bakery"),
    Customer("Carl Fuchs", "holm-bakery"),
    Customer("Dora Vance", "vance-legal"),
    Customer("Emil Roth", "vance-legal"),
    Customer("Fiona Marsh", "marsh-dental"),
    Customer("Gus Aldin", "marsh-dental"),
    Customer("Ines Prado", "prado-travel"),
    Customer("Karim Aziz", "prado-travel"),
    Customer("Lena Brook", "brook-timber"),
    Customer("Milo Stone", "brook-timber"),
)


def _s(after: float, what: str, text: str = "") -> Step:
    return Step(after, what, text)


STORIES: Final = (
    Story(
        500,
        "Bea Holm",
        "Workplace",
        MEDIUM,
        "Printing",
        "Label printer prints blank labels",
        "Since this morning the label printer in the bakery feeds labels, but they come out blank.",
        ("printer", "labels"),
        ("printers",),
        (
            _s(
                0.4,
                "reply",
                "Thank you for the details. Are the labels thermal ones, and is the shiny side up?",
            ),
            _s(0.7, "customer", "They were in upside down. I feel a little silly. It prints!"),
            _s(0.2, "resolve"),
            _s(0.1, "reply", "Not at all, it happens to everybody once. Have a good day!"),
        ),
    ),
    Story(
        480,
        "Dora Vance",
        "Network",
        HIGH,
        "VPN",
        "VPN drops every ten minutes",
        "Three colleagues at home lose the VPN every ten minutes or so. The log of one of them is attached.",
        ("vpn",),
        ("vpn",),
        (
            _s(0.2, "file", "vpn-client.log"),
            _s(1, "note", "Rekey interval is 600 s on the new gateway. Suspicious, isn't it, @hana.sato?"),
            _s(
                0.3,
                "reply",
                "We found a setting on the gateway that ends sessions after ten minutes; it is changed.",
            ),
            _s(20, "customer", "A whole day without a drop. Thank you!"),
            _s(1, "resolve"),
        ),
    ),
    Story(
        470,
        "Fiona Marsh",
        "Business systems",
        CRITICAL,
        "ERP",
        "Nobody can open the appointment book",
        "The appointment book says 'database is locked' on every machine. Patients are waiting.",
        ("outage",),
        ("erp",),
        (
            _s(0.1, "start"),
            _s(0.2, "reply", "We are on it: a backup that hung holds the database. Two minutes, please."),
            _s(0.1, "customer", "It is back. Thank you for being so quick."),
            _s(0.2, "resolve"),
            _s(2, "note", "The backup job now has a deadline, and pages us when it is hit."),
        ),
    ),
    Story(
        455,
        "Ines Prado",
        "Accounts",
        LOW,
        "Access",
        "New colleague starts on Monday",
        "Rosa Lima starts on Monday and needs mail, the calendar and the shared drive of the travel desk.",
        ("onboarding",),
        (),
        (
            _s(3, "assign", "Noor Haddad"),
            _s(1, "reply", "Everything will be ready on Monday at eight."),
            _s(40, "file", "first-day.pdf"),
            _s(0.1, "reply", "Attached is the sheet for her first day."),
            _s(1, "resolve"),
        ),
    ),
    Story(
        430,
        "Lena Brook",
        "Network",
        MEDIUM,
        "Wi-Fi",
        "No Wi-Fi in the drying hall",
        "The new drying hall has no reception at all. Scanners stop working when the gate is closed.",
        ("wifi",),
        ("wifi",),
        (
            _s(2, "reply", "We will come by for a survey. Is Thursday at ten fine?"),
            _s(3, "customer", "Thursday is fine, ask for Milo at the gate."),
            _s(1, "hold", "Two access points are ordered."),
            _s(150, "start"),
            _s(4, "file", "hall-plan.png"),
            _s(0.2, "reply", "Both access points hang; the plan is attached."),
            _s(20, "customer", "Scanners work everywhere now."),
            _s(0.5, "resolve"),
        ),
    ),
    Story(
        400,
        "Emil Roth",
        "Workplace",
        MEDIUM,
        "Mail",
        "Attachments of the court arrive as winmail.dat",
        "Everything from the district court arrives as winmail.dat and cannot be opened.",
        ("mail",),
        ("mail",),
        (
            _s(
                5,
                "reply",
                "That is a format of theirs. We have set the gateway to unpack it; please try the last one again.",
            ),
            _s(22, "customer", "Works for new mails. The old ones I can ask for again."),
            _s(0.3, "resolve"),
        ),
    ),
    Story(
        380,
        "Gus Aldin",
        "Business systems",
        HIGH,
        "Billing",
        "Invoices show the old VAT rate",
        "Since the first of the month our invoices should have the new rate. They do not.",
        ("billing", "tax"),
        ("billing",),
        (
            _s(
                1,
                "reply",
                "You are right, the rate table was not updated for your branch. We are correcting it today.",
            ),
            _s(6, "note", "Eleven invoices went out wrong. Credit notes are prepared, list attached."),
            _s(0.1, "filenote", "wrong-invoices.csv"),
            _s(2, "reply", "New invoices are right. Credit notes for eleven old ones are ready to send."),
            _s(20, "customer", "Checked with our accountant, all fine."),
            _s(1, "resolve"),
        ),
    ),
    Story(
        360,
        "Karim Aziz",
        "Workplace",
        LOW,
        "Hardware",
        "Keyboard with Portuguese layout",
        "Could I have a keyboard with the Portuguese layout? No hurry.",
        ("hardware",),
        (),
        (
            _s(20, "hold", "Ordered, the supplier says ten days."),
            _s(220, "start"),
            _s(1, "reply", "Your keyboard is at the reception."),
            _s(3, "customer", "Picked up, thank you!"),
            _s(1, "resolve"),
        ),
    ),
    Story(
        340,
        "Milo Stone",
        "Network",
        CRITICAL,
        "Outage",
        "Whole site offline since the storm",
        "Telephones, internet and the gate are dead since the storm at noon.",
        ("outage",),
        ("network",),
        (
            _s(0.1, "start"),
            _s(0.2, "escalate", "A whole site is without telephones; the provider has to be pushed."),
            _s(
                0.3,
                "reply",
                "The line is cut outside. A mobile router is on its way to you, the provider sends a team.",
            ),
            _s(1.5, "customer", "The router works, we can at least telephone."),
            _s(9, "reply", "The provider has repaired the line. Can you confirm?"),
            _s(2, "customer", "All green. Great work."),
            _s(0.2, "resolve"),
            _s(20, "close"),
        ),
    ),
    Story(
        320,
        "Bea Holm",
        "Accounts",
        MEDIUM,
        "Access",
        "Forgot my password for the order portal",
        "The reset mail does not arrive.",
        ("password",),
        (),
        (
            _s(1, "assign", "Noor Haddad"),
            _s(0.5, "reply", "It was in quarantine; I have released it."),
            _s(0.3, "customer", "Got it."),
            _s(0.2, "resolve"),
            _s(30, "close"),
        ),
    ),
    Story(
        300,
        "Dora Vance",
        "Workplace",
        HIGH,
        "Hardware",
        "Laptop screen flickers in hearings",
        "The screen flickers whenever the charger is plugged in. Photo attached. I have a hearing tomorrow.",
        ("hardware", "loaner"),
        ("windows",),
        (
            _s(0.1, "filecustomer", "screen.png"),
            _s(0.6, "reply", "Please take a loaner for tomorrow; it is ready at our desk."),
            _s(2, "customer", "Wonderful, I will pick it up at five."),
            _s(30, "start"),
            _s(10, "note", "Charger is fine, display cable is worn. Replaced under warranty."),
            _s(2, "reply", "Repaired. Please bring the loaner back when it suits you."),
            _s(5, "resolve"),
        ),
    ),
    Story(
        290,
        "Fiona Marsh",
        "Business systems",
        MEDIUM,
        "Reports",
        "Monthly report counts patients twice",
        "Patients with two appointments a month are counted twice in the monthly report.",
        ("reports",),
        ("reports",),
        (
            _s(4, "reply", "Thank you, we can see it. A corrected report is being tested."),
            _s(60, "file", "report-march.csv"),
            _s(0.1, "reply", "Would you compare the attached numbers with yours?"),
            _s(0.2, "pending"),
            _s(50, "customer", "They agree to the last patient."),
            _s(1, "resolve"),
        ),
    ),
    Story(
        270,
        "Lena Brook",
        "Workplace",
        LOW,
        "Software",
        "Update of the CAD viewer",
        "Version 9 can open the new drawings, version 8 cannot.",
        ("software",),
        ("windows",),
        (_s(10, "reply", "We roll it out tonight."), _s(20, "resolve")),
    ),
    Story(
        250,
        "Ines Prado",
        "Network",
        HIGH,
        "Telephony",
        "Callers hear us with an echo",
        "Only the lines 12 to 18, since the move to the new room.",
        ("telephony",),
        ("network",),
        (
            _s(1, "reply", "Does it also happen with a headset?"),
            _s(2, "customer", "No! Only with the desk sets."),
            _s(1, "start"),
            _s(5, "reply", "The desk sets had their gain at maximum after the reset. It is lowered."),
            _s(18, "customer", "The echo is gone."),
            _s(0.5, "resolve"),
        ),
    ),
    Story(
        230,
        "Carl Fuchs",
        "Workplace",
        MEDIUM,
        "Printing",
        "Order printer prints every order twice",
        "Every order of the web shop comes out twice.",
        ("printer",),
        ("printers",),
        (
            _s(3, "reply", "There are two queues for the same device; one is removed now."),
            _s(12, "customer", "Once is enough :) thank you"),
            _s(0.1, "resolve"),
        ),
    ),
    Story(
        210,
        "Emil Roth",
        "Network",
        MEDIUM,
        "Backup",
        "Restore a folder from last week",
        "The folder 'Roth vs. Stein' was overwritten. Could we have Tuesday's state?",
        ("backup",),
        ("linux",),
        (
            _s(1, "start"),
            _s(2, "reply", "Restored next to the present one, as 'Roth vs. Stein (Tuesday)'."),
            _s(1, "filenote", "restore.log"),
            _s(2, "customer", "Saved my week."),
            _s(0.2, "resolve"),
        ),
    ),
    Story(
        190,
        "Gus Aldin",
        "Accounts",
        LOW,
        "Access",
        "Remove the account of Mr Hale",
        "He left at the end of the month.",
        ("offboarding",),
        (),
        (_s(5, "assign", "Amelie Duchamp"), _s(1, "resolve")),
    ),
    Story(
        180,
        "Karim Aziz",
        "Business systems",
        HIGH,
        "ERP",
        "Bookings of the last hour are missing",
        "After the crash at 14:10 the bookings since 13:00 are gone.",
        ("erp", "data"),
        ("databases",),
        (
            _s(0.3, "start"),
            _s(0.4, "reply", "Nothing is lost: they are in the journal. We replay it now."),
            _s(1, "reply", "All 38 bookings are back. Please check two or three."),
            _s(0.1, "pending"),
            _s(20, "customer", "Checked five, all there."),
            _s(0.5, "resolve"),
        ),
    ),
    Story(
        168,
        "Milo Stone",
        "Workplace",
        MEDIUM,
        "Hardware",
        "Scanner at gate 2 does not charge",
        "It shows a red light in the cradle.",
        ("hardware",),
        (),
        (
            _s(4, "reply", "Please clean the contacts with alcohol; if it stays red we bring a new cradle."),
            _s(20, "customer", "Still red."),
            _s(2, "hold", "A new cradle is ordered, three days."),
        ),
    ),
    Story(
        160,
        "Bea Holm",
        "Business systems",
        MEDIUM,
        "Billing",
        "Discount of 3 % is not applied to standing orders",
        "Customers with standing orders should have 3 % since the first.",
        ("billing",),
        ("billing",),
        (
            _s(3, "start"),
            _s(
                20,
                "reply",
                "The discount applies to new standing orders. For the old ones we need your list.",
            ),
            _s(0.1, "pending"),
        ),
    ),
    Story(
        150,
        "Dora Vance",
        "Network",
        MEDIUM,
        "VPN",
        "Access for an external expert",
        "An expert needs the data room for two weeks, from the 12th on.",
        ("vpn", "access"),
        ("vpn",),
        (
            _s(5, "reply", "Who may approve this on your side?"),
            _s(0.1, "pending"),
            _s(30, "customer", "I may; the form is attached."),
            _s(0.1, "filecustomer", "approval.pdf"),
            _s(4, "start"),
            _s(2, "reply", "The access begins on the 12th and ends by itself after two weeks."),
            _s(1, "resolve"),
        ),
    ),
    Story(
        140,
        "Fiona Marsh",
        "Workplace",
        HIGH,
        "Hardware",
        "X-ray workstation is very slow",
        "Opening one picture takes a minute since Friday.",
        ("hardware", "slow"),
        ("windows",),
        (
            _s(1, "reply", "May we look at it remotely at noon, when no patient is there?"),
            _s(1, "customer", "Noon is fine."),
            _s(3, "start"),
            _s(1, "note", "Disk has 412 reallocated sectors. Clone tonight, replace tomorrow."),
            _s(0.2, "filenote", "disk-health.txt"),
            _s(1, "reply", "The disk is failing. We replace it tomorrow at seven, before you open."),
        ),
    ),
    Story(
        130,
        "Lena Brook",
        "Accounts",
        LOW,
        "Access",
        "Shared mailbox for the sawmill",
        "Please make sawmill@ for Milo and me.",
        ("mail",),
        (),
        (
            _s(10, "assign", "Noor Haddad"),
            _s(2, "reply", "It is there; it appears within an hour."),
            _s(20, "resolve"),
        ),
    ),
    Story(
        120,
        "Ines Prado",
        "Workplace",
        MEDIUM,
        "Software",
        "Spreadsheet macro forbidden since the update",
        "The price list's macro is blocked with a red bar.",
        ("software",),
        ("windows",),
        (
            _s(
                2,
                "reply",
                "Macros from mail are blocked now. Please save it in the shared drive and open it there.",
            ),
            _s(0.1, "pending"),
            _s(70, "customer", "That works, but the button is gone."),
            _s(3, "start"),
        ),
    ),
    Story(
        110,
        "Carl Fuchs",
        "Network",
        LOW,
        "Wi-Fi",
        "Guest Wi-Fi voucher does not work on one phone",
        "Code 7711 is refused on one customer's phone.",
        ("wifi",),
        ("wifi",),
        (_s(12, "reply", "The code was for one device only. New codes allow three."), _s(10, "resolve")),
    ),
    Story(
        98,
        "Gus Aldin",
        "Business systems",
        CRITICAL,
        "ERP",
        "Prescriptions cannot be printed",
        "The print button does nothing, no message.",
        ("outage", "printer"),
        ("erp",),
        (
            _s(0.2, "start"),
            _s(0.3, "reply", "We see the jobs pile up; the print service is restarted now."),
            _s(0.2, "customer", "Prints again."),
            _s(0.1, "resolve"),
            _s(40, "customer", "It happened again just now, the same way!"),
            _s(0.2, "start"),
            _s(0.3, "escalate", "It came back after two days: we need the vendor on the line."),
            _s(1, "note", "Vendor case opened. Dump attached for them."),
            _s(0.1, "filenote", "print-dump.zip"),
        ),
    ),
    Story(
        90,
        "Karim Aziz",
        "Network",
        MEDIUM,
        "Telephony",
        "Forward the hotline at night",
        "From 20:00 to 7:00 to the mobile of the night desk, please.",
        ("telephony",),
        ("network",),
        (_s(6, "reply", "Set up, starting tonight. Please test once."), _s(0.2, "pending")),
    ),
    Story(
        75,
        "Emil Roth",
        "Workplace",
        MEDIUM,
        "Mail",
        "Calendar invitations arrive an hour late",
        "Only invitations, mails are on time.",
        ("mail", "calendar"),
        ("mail",),
        (
            _s(3, "reply", "Could you forward us one as an attachment?"),
            _s(4, "filecustomer", "invitation.eml"),
            _s(0.1, "customer", "Here is one of this morning."),
            _s(2, "note", "Delayed by the sandbox scan of .ics. @marta.okonjo, may we ask security?"),
        ),
    ),
    Story(
        64,
        "Milo Stone",
        "Workplace",
        LOW,
        "Hardware",
        "Second screen for the dispatch desk",
        "One of the old ones would do.",
        ("hardware",),
        (),
        (
            _s(6, "reply", "We have one in stock and bring it on Wednesday."),
            _s(0.1, "hold", "Delivery is planned for Wednesday."),
        ),
    ),
    Story(
        52,
        "Dora Vance",
        "Accounts",
        HIGH,
        "Access",
        "Locked out before a hearing",
        "My account is locked and the hearing is at two.",
        ("password",),
        (),
        (
            _s(0.1, "assign", "Noor Haddad"),
            _s(0.1, "reply", "Unlocked. A phone with an old password had tried 40 times."),
            _s(0.2, "customer", "Just in time, thank you!!"),
            _s(0.1, "resolve"),
        ),
    ),
    Story(
        46,
        "Lena Brook",
        "Network",
        HIGH,
        "Network",
        "Saw line 3 loses its connection at noon",
        "Every day between 12:00 and 12:15 the controller is offline.",
        ("network",),
        ("network",),
        (
            _s(1, "reply", "We log the switch for a day to see what happens at noon."),
            _s(0.1, "start"),
            _s(24, "filenote", "switch-noon.csv"),
            _s(0.2, "note", "A microwave on the same circuit: the switch reboots. @marta, it needs a UPS."),
        ),
    ),
    Story(
        30,
        "Fiona Marsh",
        "Business systems",
        MEDIUM,
        "Reports",
        "Export for the health insurance is rejected",
        "They say field 17 is too long.",
        ("reports",),
        ("reports",),
        (
            _s(2, "reply", "Could you send us their message?"),
            _s(0.1, "pending"),
            _s(8, "filecustomer", "rejection.txt"),
            _s(0.1, "customer", "Attached."),
        ),
    ),
    Story(
        26,
        "Bea Holm",
        "Workplace",
        MEDIUM,
        "Hardware",
        "Cash drawer opens with a delay",
        "It opens two or three seconds after the receipt.",
        ("hardware",),
        ("printers",),
        (_s(3, "reply", "Does it also happen right after switching the till on?"), _s(0.1, "pending")),
    ),
    Story(
        20,
        "Ines Prado",
        "Network",
        CRITICAL,
        "Outage",
        "Website cannot be reached from abroad",
        "Customers in Spain and Morocco get a time-out, here it works.",
        ("outage", "web"),
        ("network",),
        (
            _s(0.3, "start"),
            _s(
                0.4,
                "reply",
                "We see it too: a route abroad is broken. We moved the site behind another provider.",
            ),
            _s(0.2, "filenote", "traceroute.txt"),
            _s(0.1, "escalate", "Customers abroad cannot book at all; management should know."),
        ),
    ),
    Story(
        14,
        "Carl Fuchs",
        "Accounts",
        MEDIUM,
        "Access",
        "Two new seasonal helpers need till codes",
        "Names follow, they start on Saturday.",
        ("onboarding",),
    ),
    Story(
        9,
        "Gus Aldin",
        "Workplace",
        HIGH,
        "Hardware",
        "Reception PC beeps and stays black",
        "Three long beeps, nothing on the screen.",
        ("hardware",),
        ("windows",),
        (
            _s(0.4, "reply", "Three long beeps are the memory. A colleague is on the way with a spare."),
            _s(0.1, "start"),
        ),
    ),
    Story(
        6,
        "Karim Aziz",
        "Business systems",
        MEDIUM,
        "Billing",
        "Invoice 20718 twice in the list",
        "Same number, same amount, two lines.",
        ("billing",),
        ("billing",),
    ),
    Story(
        4,
        "Milo Stone",
        "Network",
        LOW,
        "Wi-Fi",
        "Tablet of the forklift forgets the Wi-Fi",
        "It has to be joined anew every morning.",
        ("wifi",),
        ("wifi",),
    ),
    Story(
        2,
        "Emil Roth",
        "Workplace",
        MEDIUM,
        "Software",
        "Dictation stops after a minute",
        "Since the update the dictation stops after exactly one minute.",
        ("software",),
        ("windows",),
        (_s(0.5, "reply", "Thank you for reporting it. Which version does the About window show?"),),
    ),
    Story(
        0.5,
        "Dora Vance",
        "Workplace",
        HIGH,
        "Printing",
        "Colour printer jams on thick paper",
        "It jams on the paper for deeds, photo attached. We need forty pages by noon.",
        ("printer",),
        ("printers",),
        (_s(0.1, "filecustomer", "paper-jam.png"),),
    ),
)
