"""The document of the websocket: it names what there is, and what really comes is what it says."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import FormData

from servicedesk.domain.errors import Refused
from servicedesk.domain.events import Event
from servicedesk.live.protocol import COMMANDS, Close
from servicedesk.web import asyncapi
from servicedesk.web.api import encode
from tests.served import Client, Desk
from tests.web.sockets import Socket, connect, say

DOCUMENT = json.loads(encode(asyncapi.describe()))


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for each in part.values():
            yield from refs(each)
    elif isinstance(part, list):
        for each in part:
            yield from refs(each)


def found(ref: str) -> Any:
    part: Any = DOCUMENT
    assert ref.startswith("#/")
    for step in ref[2:].split("/"):
        part = part[step]
    return part


# The document --------------------------------------------------


async def test_anybody_can_read_it(desk: Desk) -> None:
    async with desk.session().get("/api/asyncapi.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert await answer.json() == DOCUMENT
    async with desk.session().get("/api/docs/live") as page:
        text = await page.text()
        assert page.status == 200
    for name in DOCUMENT["operations"]:
        assert f'id="{name}"' in text


def test_it_has_the_structure_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    known = {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }
    assert {name for name in DOCUMENT if not name.startswith("x-")} <= known
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= server.keys()
        assert set(re.findall(r"\{(\w+)\}", server["host"])) == server["variables"].keys()
    for channel in DOCUMENT["channels"].values():
        assert channel["address"].startswith("/")
        assert all(set(each) == {"$ref"} for each in channel["messages"].values())
    for scheme in DOCUMENT["components"]["securitySchemes"].values():
        needed = {"http": {"scheme"}, "httpApiKey": {"name", "in"}}[scheme["type"]]
        assert needed <= scheme.keys()
    names = [*DOCUMENT["channels"], *DOCUMENT["operations"], *DOCUMENT["components"]["messages"]]
    names += [*DOCUMENT["components"]["schemas"], *DOCUMENT["components"]["securitySchemes"]]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


def test_every_operation_says_which_messages_of_its_channel_it_moves() -> None:
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["summary"]
        channel = operation["channel"]["$ref"]
        assert found(channel)
        answers = operation.get("reply", {"messages": []})["messages"]
        for message in [*operation["messages"], *answers]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    for ref in refs(DOCUMENT):
        assert found(ref), ref
    for message in DOCUMENT["components"]["messages"].values():
        jsonschema_rs.validator_for({**message["payload"], "components": DOCUMENT["components"]})


def test_it_names_every_command_every_event_and_every_way_to_end() -> None:
    actions = {"receive": set(), "send": set()}  # type: dict[str, set[str]]
    for name, operation in DOCUMENT["operations"].items():
        actions[operation["action"]].add(name)

    assert actions["receive"] == COMMANDS.keys()
    assert actions["send"] == {*Event, "connected", "user_typing", "presence_update"}
    assert DOCUMENT["x-close-codes"].keys() == {str(int(code)) for code in Close}


# What really comes --------------------------------------------------


def strict() -> dict[str, Any]:
    """Return the components so that nothing may come that the document does not name."""
    components = copy.deepcopy(DOCUMENT["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return components


STRICT = {
    name: jsonschema_rs.validator_for(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **message["payload"],
            "components": strict(),
        }
    )
    for name, message in DOCUMENT["components"]["messages"].items()
}


def name_of(frame: dict[str, Any], asked: dict[Any, str]) -> str:
    if "event" in frame:
        return str(frame["event"])
    return f"{asked[frame['reply_to']]}_reply" if frame["ok"] else "refusal"


class Recorder:
    """A socket of which every frame is compared with the document."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.asked: dict[Any, str] = {}
        self.sent: set[str] = set()

    async def ask(self, event: str, **data: Any) -> dict[str, Any]:
        number = f"n{len(self.asked)}"
        self.asked[number] = event
        self.sent.add(event)
        STRICT[event].validate({"event": event, "id": number, "data": data})
        await self.socket.send(event, number, **data)
        return await self.socket.until(lambda frame: frame.get("reply_to") == number)

    def names(self) -> set[str]:
        """Compare what came with the document and return the names of it."""
        came = set()
        for frame in self.socket.seen:
            name = name_of(frame, self.asked)
            error = next(STRICT[name].iter_errors(frame), None)
            assert error is None, (name, error.message, list(error.instance_path), frame)
            if not frame.get("ok", True):
                assert frame["error"]["code"] in DOCUMENT["x-error-codes"], frame
            came.add(name)
        return came


async def attach(person: Client, ticket_id: int) -> str:
    form = FormData({"ticket_id": str(ticket_id)})
    form.add_field("file", b"It smokes.", filename="note.txt")
    answer = await person.post("/api/files/upload", data=form)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


async def test_what_comes_over_a_socket_is_what_the_document_says(desk: Desk) -> None:
    agent, other, admin, customer = (
        await desk.agent(),
        await desk.agent(),
        await desk.admin(),
        await desk.customer(),
    )
    ticket = await customer.ticket()
    number, room = ticket["id"], f"ticket:{ticket['id']}"
    here, there = Recorder(await connect(agent)), Recorder(await connect(customer))

    await here.ask("connect", rooms={room: {"seq": 2**40}}, epoch="none", batch=True, idle=False)
    await here.ask("join_ticket", ticket_id=number)
    await there.ask("join_ticket", ticket_id=number, rooms={room: {"seq": 0}}, epoch="none")
    await here.ask("join_ticket", ticket_id=number)
    await here.ask("typing_start", ticket_id=number, mode="note")
    await there.ask("typing_start", ticket_id=number)
    await there.ask("typing_stop", ticket_id=number)
    await here.ask("send_message", ticket_id=number, body="Hello", client_msg_id="one")
    await here.ask("send_message", ticket_id=number, body="Note", client_msg_id="two", is_internal=True)
    await here.ask("ticket_update", ticket_id=number, changes={"priority": "high", "assigned_to": agent.id})
    for bad in (
        {"ticket_id": number, "changes": {"status": "new"}},
        {"ticket_id": number, "changes": {"status": "on_hold"}},
        {"ticket_id": number, "changes": {"title": "X"}, "version": 1},
        {"ticket_id": 999, "changes": {"title": "X"}},
    ):
        assert not (await here.ask("ticket_update", **bad))["ok"]
    await here.socket.send("ticket_update", None, ticket_id=number, changes={"title": ""}, colour="red")
    await here.socket.send("fly", None)
    file = await attach(other, number)
    assert (await other.delete(f"/api/files/{file}")).status in (204, 403)
    await other.post(f"/api/tickets/{number}/escalate", {"reason": "It smokes badly."})
    await say(customer, number, "Any news?")
    await admin.patch(f"/api/users/{customer.id}", {"name": "Somebody Else"})
    await here.ask("leave_ticket", ticket_id=number)
    await here.ask("connect")
    await there.socket.quiet()
    there.asked[1] = "connect"

    came = here.names() | there.names()
    assert here.sent | there.sent == COMMANDS.keys()
    assert came >= {f"{name}_reply" for name in COMMANDS} | {"refusal", "connected"}
    assert came >= {
        "new_message",
        "ticket_updated",
        "file_uploaded",
        "notification",
        "user_typing",
        "presence_update",
    }
    assert came <= DOCUMENT["components"]["messages"].keys()


@pytest.mark.parametrize("name", sorted(DOCUMENT["x-error-codes"]))
def test_every_error_code_is_one_that_there_is(name: str) -> None:
    def codes(kind: type[Refused]) -> Iterator[str]:
        yield kind.code
        for each in kind.__subclasses__():
            yield from codes(each)

    assert name in set(codes(Refused))
