"""Every address of the desk: what it takes, who may call it, what it answers."""

from typing import Final

from servicedesk.domain.access import Verb
from servicedesk.domain.listing import TicketQuery
from servicedesk.domain.notifications import NotificationBody
from servicedesk.domain.numbers import Numbers, NumbersQuery
from servicedesk.domain.people import PersonRef
from servicedesk.domain.replays import Replayed
from servicedesk.domain.staffing import Staffed
from servicedesk.domain.views import (
    CalendarBody,
    ChangeBody,
    DecisionBody,
    EscalationPolicyBody,
    EscalationStepBody,
    ExclusionBody,
    FileBody,
    MacroBody,
    MacroPreview,
    MessageBody,
    PolicyBody,
    ReceiptBody,
    SavedViewBody,
    TeamBody,
    TicketBody,
    UserBody,
)
from servicedesk.store import calendars as stored_calendars
from servicedesk.store import escalation as stored_escalation
from servicedesk.store import people as stored_people
from servicedesk.store import policies as stored_policies
from servicedesk.store import tickets as stored
from servicedesk.store.macros import MACROS as STORED_MACROS
from servicedesk.store.saved_views import VIEWS as STORED_VIEWS
from servicedesk.web import (
    assets,
    asyncapi,
    bulk,
    calendar_pages,
    calendars,
    docs,
    escalation,
    escalation_pages,
    exclusions,
    files,
    forms,
    health,
    listing,
    live,
    macros,
    messages,
    notification_pages,
    notifications,
    number_pages,
    numbers,
    openapi,
    pages,
    people,
    people_pages,
    policies,
    policy_pages,
    replays,
    saved_views,
    search_pages,
    sessions,
    tables,
    tickets,
    uploads,
    watchers,
)
from servicedesk.web.api import Kind, Row, by_number, delete, form, get, page, patch, post, put
from servicedesk.web.lists import Page, Paging

TICKET: Final = by_number(stored.get)
USER: Final = by_number(stored_people.get)
ESCALATION_POLICY: Final = by_number(stored_escalation.get)
CALENDAR: Final = by_number(stored_calendars.get)
POLICY: Final = by_number(stored_policies.get)
MACRO: Final = by_number(STORED_MACROS.get)
VIEW: Final = by_number(STORED_VIEWS.get)
TEAM: Final = by_number(stored_people.team)

TICKETS: Final = (
    get(
        "/api/tickets/",
        listing.tickets,
        query=TicketQuery,
        returns=Page[TicketBody],
        or_gives=tables.TYPE,
        who=Verb.ANYTHING,
    ),
    post(
        "/api/tickets/",
        tickets.create,
        body=tickets.NewTicket,
        for_staff=tickets.for_staff,
        returns=TicketBody,
        status=201,
        who=Verb.CREATE_TICKET,
        location="/api/tickets/{id}",
    ),
    post("/api/tickets/bulk", bulk.act, body=bulk.Bulk, returns=bulk.BulkResults, who=Verb.BULK),
    get(
        "/api/tickets/stats",
        numbers.stats,
        query=NumbersQuery,
        returns=Numbers,
        or_gives=tables.TYPE,
        who=Verb.SEE_NUMBERS,
    ),
    get(
        "/api/tickets/workflow/transitions",
        tickets.transitions,
        query=tickets.WorkflowQuery,
        returns=tickets.WorkflowBody,
        who=Verb.ANYTHING,
        refuses=(404,),
    ),
    get("/api/tickets/{id}", tickets.one, returns=TicketBody, who=Verb.SEE, on=TICKET, etag=True),
    patch(
        "/api/tickets/{id}",
        tickets.edit,
        body=tickets.TicketPatch,
        returns=TicketBody,
        who=Verb.EDIT_TICKET,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/status",
        tickets.move,
        body=tickets.Move,
        returns=TicketBody,
        who=Verb.MOVE,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/priority",
        tickets.prioritise,
        body=tickets.Prioritise,
        returns=TicketBody,
        who=Verb.PRIORITISE,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/assign",
        tickets.assign,
        body=tickets.Assign,
        returns=TicketBody,
        who=Verb.ASSIGN,
        on=TICKET,
    ),
    post(
        "/api/tickets/{id}/escalate",
        tickets.escalate,
        body=tickets.Escalate,
        returns=TicketBody,
        who=Verb.ESCALATE,
        on=TICKET,
    ),
    get(
        "/api/tickets/{id}/history",
        tickets.changes,
        query=Paging,
        returns=Page[ChangeBody],
        who=Verb.SEE,
        on=TICKET,
    ),
    get(
        "/api/tickets/{id}/exclusions",
        exclusions.of_ticket,
        returns=Page[ExclusionBody],
        who=Verb.SEE_DECISIONS,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/exclusions",
        exclusions.replace,
        body=exclusions.Exclusions,
        returns=Page[ExclusionBody],
        who=Verb.ASSIGN,
        on=TICKET,
    ),
    get(
        "/api/tickets/{id}/assignment",
        tickets.decisions,
        query=Paging,
        returns=Page[DecisionBody],
        who=Verb.SEE_DECISIONS,
        on=TICKET,
    ),
)

MESSAGES: Final = (
    get(
        "/api/tickets/{id}/messages",
        messages.conversation,
        query=Paging,
        returns=Page[MessageBody],
        who=Verb.SEE,
        on=TICKET,
    ),
    post(
        "/api/tickets/{id}/messages",
        messages.post,
        body=messages.NewMessage,
        for_staff=messages.for_staff,
        returns=MessageBody,
        status=201,
        who=Verb.REPLY,
        on=TICKET,
        own_key=True,
    ),
)

WATCHERS: Final = (
    get(
        "/api/tickets/{id}/watchers",
        watchers.listed,
        query=Paging,
        returns=Page[PersonRef],
        who=Verb.WATCH,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/watchers",
        watchers.choose,
        body=watchers.Watchers,
        returns=Page[PersonRef],
        who=Verb.WATCH,
        on=TICKET,
    ),
    put("/api/tickets/{id}/watch", watchers.watch, returns=Page[PersonRef], who=Verb.WATCH, on=TICKET),
    delete("/api/tickets/{id}/watch", watchers.unwatch, status=204, who=Verb.WATCH, on=TICKET),
)

NOTIFICATIONS: Final = (
    get(
        "/api/notifications/",
        notifications.listed,
        query=notifications.NotificationQuery,
        returns=notifications.NotificationPage,
        who=Verb.ANYTHING,
    ),
    post(
        "/api/notifications/read",
        notifications.read,
        body=notifications.ReadUpTo,
        returns=notifications.Unread,
        who=Verb.ANYTHING,
    ),
    patch(
        "/api/notifications/{id}",
        notifications.mark,
        body=notifications.NotificationPatch,
        returns=NotificationBody,
        who=Verb.ANYTHING,
        refuses=(404,),
    ),
)

SESSIONS: Final = (
    post(
        "/api/auth/login",
        sessions.login,
        body=sessions.Login,
        returns=sessions.LoggedIn,
        who=None,
        refuses=(401, 429),
    ),
    post("/api/auth/logout", sessions.logout, status=204, who=Verb.ANYTHING),
    get("/api/auth/me", sessions.me, returns=UserBody, who=Verb.ANYTHING),
    post(
        "/api/auth/password",
        sessions.change_password,
        body=sessions.PasswordChange,
        status=204,
        who=Verb.ANYTHING,
    ),
    get(
        "/api/auth/tokens",
        sessions.tokens,
        query=Paging,
        returns=Page[sessions.TokenBody],
        who=Verb.ANYTHING,
    ),
    post(
        "/api/auth/tokens",
        sessions.create_token,
        body=sessions.NewToken,
        returns=sessions.TokenBody,
        status=201,
        who=Verb.ANYTHING,
        location="/api/auth/tokens/{id}",
    ),
    get("/api/auth/tokens/{id}", sessions.token, returns=sessions.TokenBody, who=Verb.ANYTHING),
    delete("/api/auth/tokens/{id}", sessions.delete_token, status=204, who=Verb.ANYTHING),
    post(
        "/api/auth/ws-ticket",
        sessions.ws_ticket,
        returns=sessions.WsTicketBody,
        status=201,
        who=Verb.ANYTHING,
    ),
)

PEOPLE: Final = (
    get(
        "/api/users/",
        people.everybody,
        query=people.PeopleQuery,
        returns=Page[UserBody],
        who=Verb.SEE_PEOPLE,
    ),
    post(
        "/api/users/",
        people.create,
        body=people.NewPerson,
        returns=UserBody,
        status=201,
        who=Verb.CREATE_PERSON,
        location="/api/users/{id}",
    ),
    get(
        "/api/users/handles",
        people.called,
        query=Paging,
        returns=Page[people.CalledBody],
        who=Verb.SEE_PEOPLE,
    ),
    get("/api/users/{id}", people.one, returns=UserBody, who=Verb.SEE, on=USER),
    patch(
        "/api/users/{id}",
        people.edit,
        body=people.PersonPatch,
        returns=UserBody,
        who=Verb.EDIT_PERSON,
        on=USER,
    ),
    get("/api/teams/", people.teams, query=Paging, returns=Page[TeamBody], who=Verb.SEE_TEAMS),
    post(
        "/api/teams/",
        people.create_team,
        body=people.NewTeam,
        returns=TeamBody,
        status=201,
        who=Verb.EDIT_TEAMS,
        location="/api/teams/{id}",
    ),
    get("/api/teams/{id}", people.team, returns=TeamBody, who=Verb.SEE_TEAMS, on=TEAM),
    patch(
        "/api/teams/{id}",
        people.edit_team,
        body=people.TeamPatch,
        returns=TeamBody,
        who=Verb.EDIT_TEAMS,
        on=TEAM,
    ),
)

SLA: Final = (
    get(
        "/api/sla/calendars/",
        calendars.everything,
        query=Paging,
        returns=Page[CalendarBody],
        who=Verb.SEE_SLA,
    ),
    post(
        "/api/sla/calendars/",
        calendars.create,
        body=calendars.NewCalendar,
        returns=CalendarBody,
        status=201,
        who=Verb.EDIT_SLA,
        location="/api/sla/calendars/{id}",
    ),
    get(
        "/api/sla/calendars/{id}",
        calendars.one,
        returns=CalendarBody,
        who=Verb.SEE_SLA,
        on=CALENDAR,
        etag=True,
    ),
    put(
        "/api/sla/calendars/{id}",
        calendars.replace,
        body=calendars.NewCalendar,
        returns=CalendarBody,
        who=Verb.EDIT_SLA,
        on=CALENDAR,
    ),
    get("/api/sla/policies/", policies.everything, query=Paging, returns=Page[PolicyBody], who=Verb.SEE_SLA),
    post(
        "/api/sla/policies/",
        policies.create,
        body=policies.NewPolicy,
        returns=PolicyBody,
        status=201,
        who=Verb.EDIT_SLA,
        location="/api/sla/policies/{id}",
    ),
    get(
        "/api/sla/policies/{id}",
        policies.one,
        returns=PolicyBody,
        who=Verb.SEE_SLA,
        on=POLICY,
        etag=True,
    ),
    put(
        "/api/sla/policies/{id}",
        policies.replace,
        body=policies.NewPolicy,
        returns=PolicyBody,
        who=Verb.EDIT_SLA,
        on=POLICY,
    ),
    delete("/api/sla/policies/{id}", policies.delete, status=204, who=Verb.EDIT_SLA, on=POLICY),
    post(
        "/api/assignment/simulate",
        replays.simulate_staff,
        body=replays.StaffSimulation,
        returns=Staffed,
        who=Verb.EDIT_TEAMS,
        refuses=(503,),
    ),
    post(
        "/api/sla/simulate",
        replays.simulate_promises,
        body=replays.Simulation,
        returns=Replayed,
        who=Verb.EDIT_SLA,
        refuses=(503,),
    ),
    get("/api/tickets/{id}/sla", policies.receipt, returns=ReceiptBody, who=Verb.SEE_SLA, on=TICKET),
    delete("/api/sla/calendars/{id}", calendars.delete, status=204, who=Verb.EDIT_SLA, on=CALENDAR),
    post(
        "/api/sla/calendars/{id}/holidays",
        calendars.import_holidays,
        body=calendars.Import,
        returns=CalendarBody,
        who=Verb.EDIT_SLA,
        on=CALENDAR,
        refuses=(501,),
    ),
)

ESCALATION: Final = (
    get(
        "/api/escalation/policies/",
        escalation.policies,
        query=Paging,
        returns=Page[EscalationPolicyBody],
        who=Verb.SEE_ESCALATION,
    ),
    post(
        "/api/escalation/policies/",
        escalation.create,
        body=escalation.NewEscalationPolicy,
        returns=EscalationPolicyBody,
        status=201,
        who=Verb.EDIT_ESCALATION,
        location="/api/escalation/policies/{id}",
    ),
    get(
        "/api/escalation/policies/{id}",
        escalation.one,
        returns=EscalationPolicyBody,
        who=Verb.SEE_ESCALATION,
        on=ESCALATION_POLICY,
        etag=True,
    ),
    put(
        "/api/escalation/policies/{id}",
        escalation.replace,
        body=escalation.NewEscalationPolicy,
        returns=EscalationPolicyBody,
        who=Verb.EDIT_ESCALATION,
        on=ESCALATION_POLICY,
    ),
    delete(
        "/api/escalation/policies/{id}",
        escalation.delete,
        status=204,
        who=Verb.EDIT_ESCALATION,
        on=ESCALATION_POLICY,
    ),
    get(
        "/api/tickets/{id}/escalations",
        escalation.of_ticket,
        query=Paging,
        returns=Page[EscalationStepBody],
        who=Verb.SEE_INTERNAL,
        on=TICKET,
    ),
    post(
        "/api/tickets/{id}/acknowledge",
        escalation.acknowledge,
        returns=EscalationStepBody,
        who=Verb.ESCALATE,
        on=TICKET,
    ),
)

MACROS: Final = (
    get("/api/macros/", macros.everything, query=Paging, returns=Page[MacroBody], who=Verb.USE_MACROS),
    post(
        "/api/macros/",
        macros.create,
        body=macros.NewMacro,
        returns=MacroBody,
        status=201,
        who=Verb.EDIT_MACROS,
        location="/api/macros/{id}",
    ),
    get("/api/macros/{id}", macros.one, returns=MacroBody, who=Verb.USE_MACROS, on=MACRO, etag=True),
    patch(
        "/api/macros/{id}",
        macros.edit,
        body=macros.MacroPatch,
        returns=MacroBody,
        who=Verb.EDIT_MACROS,
        on=MACRO,
    ),
    delete("/api/macros/{id}", macros.delete, status=204, who=Verb.EDIT_MACROS, on=MACRO),
    post(
        "/api/macros/{id}/preview",
        macros.preview,
        body=macros.Preview,
        returns=MacroPreview,
        who=Verb.USE_MACROS,
        on=MACRO,
    ),
    post(
        "/api/macros/{id}/apply",
        macros.apply,
        body=macros.Apply,
        returns=TicketBody,
        who=Verb.USE_MACROS,
        on=MACRO,
    ),
)

VIEWS: Final = (
    get(
        "/api/views/",
        saved_views.everything,
        query=Paging,
        returns=Page[SavedViewBody],
        who=Verb.SEE_VIEWS,
    ),
    post(
        "/api/views/",
        saved_views.create,
        body=saved_views.NewView,
        returns=SavedViewBody,
        status=201,
        who=Verb.EDIT_VIEWS,
        location="/api/views/{id}",
    ),
    get("/api/views/{id}", saved_views.one, returns=SavedViewBody, who=Verb.SEE_VIEWS, on=VIEW, etag=True),
    patch(
        "/api/views/{id}",
        saved_views.edit,
        body=saved_views.ViewPatch,
        returns=SavedViewBody,
        who=Verb.EDIT_VIEWS,
        on=VIEW,
    ),
    delete("/api/views/{id}", saved_views.delete, status=204, who=Verb.EDIT_VIEWS, on=VIEW),
)

FILES: Final = (
    post(
        "/api/files/upload",
        uploads.upload,
        returns=FileBody,
        status=201,
        who=Verb.UPLOAD,
        raw_body=True,
        takes=(("multipart/form-data", uploads.UploadForm),),
        refuses=(404,),
        location="/api/files/{id}",
    ),
    post(
        "/api/files/validate",
        uploads.validate,
        returns=uploads.Judgements,
        who=Verb.UPLOAD,
        raw_body=True,
        takes=(
            ("application/json", uploads.Candidates),
            ("multipart/form-data", uploads.CandidatesForm),
        ),
        refuses=(404,),
    ),
    get("/api/files/limits", files.limits, returns=files.LimitsBody, who=Verb.ANYTHING),
    get(
        "/api/files/ticket/{id}",
        files.of_ticket,
        query=Paging,
        returns=Page[FileBody],
        who=Verb.SEE,
        on=TICKET,
    ),
    get("/api/files/{id}", files.one, returns=FileBody, who=Verb.SEE, on=files.load),
    delete("/api/files/{id}", files.delete, status=204, who=Verb.DELETE_FILE, on=files.load),
    get(
        "/api/files/{id}/download",
        files.download,
        who=Verb.SEE,
        on=files.load,
        gives="application/octet-stream",
    ),
    get("/api/files/{id}/thumbnail", files.thumbnail, who=Verb.SEE, on=files.load, gives="image/webp"),
    get("/api/files/{id}/picture", files.picture, who=Verb.SEE, on=files.load, gives="image/webp"),
    get("/api/files/{id}/preview", files.preview, returns=files.Preview, who=Verb.SEE, on=files.load),
)

DOCUMENTS: Final = (
    get("/api/openapi.json", openapi.document, who=None),
    get("/api/asyncapi.json", asyncapi.document, who=None),
)

HEALTH: Final = (
    get("/healthz", health.healthz, returns=health.Health, who=None),
    get("/readyz", health.readyz, returns=health.Health, who=None),
    get("/metrics", health.metrics, who=None),
)

LIVE: Final = (get("/ws", live.socket, who=None, kind=Kind.SOCKET),)

PAGES: Final = (
    page("/", pages.the_queue, who=Verb.ANYTHING),
    page("/tickets/new", pages.new_ticket, who=Verb.CREATE_TICKET),
    page("/tickets/{id}", pages.ticket, who=Verb.SEE, on=TICKET),
    page("/search", search_pages.page, who=Verb.ANYTHING),
    page("/numbers", number_pages.page, who=Verb.SEE_NUMBERS),
    page("/notifications", notification_pages.page, who=Verb.ANYTHING),
    page("/people", people_pages.everybody, who=Verb.SEE_PEOPLE),
    page("/settings", people_pages.settings, who=Verb.ANYTHING),
    page("/settings/sla", policy_pages.page, who=Verb.SEE_SLA),
    page("/settings/escalation", escalation_pages.page, who=Verb.SEE_ESCALATION),
    page("/settings/calendars", calendar_pages.page, who=Verb.SEE_SLA),
    page("/style", docs.style, who=Verb.ANYTHING),
    page("/login", people_pages.login, who=None),
    page("/setup", people_pages.setup, who=None),
    page("/api/docs", docs.show, who=None),
    page("/api/docs/live", docs.live, who=None),
    page("/static/{version}/{name:.+}", assets.serve, who=None),
)

FORMS: Final = (
    form("/login", forms.log_in, who=None),
    form("/setup", forms.set_up, who=None),
    form("/logout", forms.log_out, who=Verb.ANYTHING),
    form("/tickets/new", forms.create_ticket, who=Verb.CREATE_TICKET),
    form("/tickets/{id}/messages", forms.post_message, who=Verb.REPLY, on=TICKET),
    form("/tickets/{id}/files", uploads.upload_form, who=Verb.UPLOAD, on=TICKET),
    form("/tickets/{id}/status", forms.move, who=Verb.MOVE, on=TICKET),
    form("/tickets/{id}/priority", forms.prioritise, who=Verb.PRIORITISE, on=TICKET),
    form("/tickets/{id}/assign", forms.assign, who=Verb.ASSIGN, on=TICKET),
    form("/tickets/{id}/details", forms.edit_details, who=Verb.EDIT_TICKET, on=TICKET),
    form("/tickets/{id}/watch", forms.watch, who=Verb.WATCH, on=TICKET),
    form("/tickets/{id}/acknowledge", forms.acknowledge, who=Verb.ESCALATE, on=TICKET),
    form("/tickets/{id}/escalate", forms.escalate, who=Verb.ESCALATE, on=TICKET),
    post("/tickets/{id}/read", forms.mark_read, body=forms.Seen, who=Verb.SEE, on=TICKET, kind=Kind.PAGE),
    put("/tickets/{id}/drafts", forms.keep_draft, body=forms.Draft, who=Verb.SEE, on=TICKET, kind=Kind.PAGE),
    form("/notifications/read", forms.read_notifications, who=Verb.ANYTHING),
    form("/notifications/{id}", forms.mark_notification, who=Verb.ANYTHING),
    form("/files/{id}/delete", forms.delete_file, who=Verb.DELETE_FILE, on=files.load),
    form("/settings/me", forms.edit_me, who=Verb.EDIT_PERSON),
    form("/settings/password", forms.change_password, who=Verb.ANYTHING),
    form("/settings/look", forms.set_look, who=Verb.ANYTHING),
    form("/settings/tokens", forms.make_token, who=Verb.ANYTHING),
    form("/settings/tokens/{id}/delete", forms.delete_token, who=Verb.ANYTHING),
    form("/settings/sla", policy_pages.make, who=Verb.EDIT_SLA),
    form("/settings/sla/try", policy_pages.try_out, who=Verb.EDIT_SLA),
    form("/settings/sla/{id}", policy_pages.save, who=Verb.EDIT_SLA, on=POLICY),
    form("/settings/sla/{id}/delete", policy_pages.delete, who=Verb.EDIT_SLA, on=POLICY),
    form("/settings/escalation", escalation_pages.make, who=Verb.EDIT_ESCALATION),
    form(
        "/settings/escalation/{id}",
        escalation_pages.save,
        who=Verb.EDIT_ESCALATION,
        on=ESCALATION_POLICY,
    ),
    form(
        "/settings/escalation/{id}/delete",
        escalation_pages.delete,
        who=Verb.EDIT_ESCALATION,
        on=ESCALATION_POLICY,
    ),
    form("/settings/calendars", calendar_pages.make, who=Verb.EDIT_SLA),
    form("/settings/calendars/{id}", calendar_pages.save, who=Verb.EDIT_SLA, on=CALENDAR),
    form("/settings/calendars/{id}/holidays", calendar_pages.import_holidays, who=Verb.EDIT_SLA, on=CALENDAR),
    form("/settings/calendars/{id}/delete", calendar_pages.delete, who=Verb.EDIT_SLA, on=CALENDAR),
    form("/theme", forms.set_theme, who=Verb.ANYTHING),
    form("/availability", forms.set_availability, who=Verb.EDIT_PERSON),
    form("/people", forms.add_person, who=Verb.CREATE_PERSON),
    form("/people/{id}", forms.edit_person, who=Verb.EDIT_PERSON, on=USER),
    form("/teams", forms.add_team, who=Verb.EDIT_TEAMS),
    form("/teams/{id}", forms.edit_team, who=Verb.EDIT_TEAMS, on=TEAM),
)

ROWS: Final[tuple[Row, ...]] = (
    *TICKETS,
    *MESSAGES,
    *WATCHERS,
    *NOTIFICATIONS,
    *MACROS,
    *VIEWS,
    *FILES,
    *SESSIONS,
    *PEOPLE,
    *ESCALATION,
    *SLA,
    *DOCUMENTS,
    *HEALTH,
    *LIVE,
    *PAGES,
    *FORMS,
)
