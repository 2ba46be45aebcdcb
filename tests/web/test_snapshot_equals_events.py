"""Whatever changes a ticket: the snapshot before and the events since make the snapshot after."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import FormData

from servicedesk.domain.times import DAY, HOUR
from servicedesk.web import timers
from tests import files_made_up as made_up
from tests.served import Answer, Client, Desk
from tests.stalls import held_up
from tests.web import forms
from tests.web.sockets import Socket, connect
from tests.web.wire import settled


def expect(answer: Answer, status: int) -> Any:
    """Return the answer's body; a defect is worse than a refusal."""
    if answer.status >= 500:
        raise RuntimeError(answer.body)
    assert answer.status == status, answer.body
    return answer.body


class Mirror:
    """A client that keeps a ticket in step by events alone, as the websocket's document tells it to."""

    def __init__(self, socket: Socket, ticket_id: int, snapshot: dict[str, Any], *, staff: bool) -> None:
        self._socket = socket
        self._applied = len(socket.seen)
        self._own = f"ticket:{ticket_id}:staff" if staff else f"ticket:{ticket_id}"
        self._rooms = {f"ticket:{ticket_id}", self._own}
        self.ticket = dict(snapshot["ticket"])
        self.messages = {m["id"]: m for m in snapshot["messages"]}
        self.files = {f["id"]: f for f in snapshot["files"]}
        self.watchers = watching(snapshot)

    async def catch_up(self) -> list[str]:
        """Apply everything that was told since; return what it was."""
        await self._socket.quiet()
        told = [f for f in self._socket.seen[self._applied :] if f.get("room") in self._rooms]
        self._applied = len(self._socket.seen)
        for frame in told:
            self._apply(frame)
        return [f["data"].get("action") or f["event"] for f in told]

    def _apply(self, frame: dict[str, Any]) -> None:
        event, data = frame["event"], frame["data"]
        if frame["room"] == self._own or event != "ticket_updated":
            self.ticket |= {k: v for k, v in data["ticket"].items() if k in self.ticket}
        if "watchers" in data.get("changes", {}):
            self.watchers = data["changes"]["watchers"]["to"]
        if event == "new_message":
            message = data["message"]
            self.messages[message["id"]] = message
            self.files |= {f["id"]: f for f in message["files"]}
        elif event == "file_uploaded":
            file = data["file"]
            self.files[file["id"]] = file
            if message := self.messages.get(file["message_id"]):
                self.messages[message["id"]] = {**message, "files": [*message["files"], file]}
        elif data["action"] == "file_deleted":
            self._drop_file(data["changes"]["files"]["from"])
        elif "file" in data:
            self._change_file(data["file"])

    def _change_file(self, file: dict[str, Any]) -> None:
        self.files[file["id"]] = file
        for number, message in self.messages.items():
            files = [file if f["id"] == file["id"] else f for f in message["files"]]
            self.messages[number] = {**message, "files": files}

    def _drop_file(self, file_id: str) -> None:
        self.files.pop(file_id, None)
        for number, message in self.messages.items():
            kept = [f for f in message["files"] if f["id"] != file_id]
            self.messages[number] = {**message, "files": kept}


def watching(snapshot: dict[str, Any]) -> list[int] | None:
    """Return who watches, by their ids; None where that is nobody's business."""
    return [person["id"] for person in snapshot["watchers"]] if "watchers" in snapshot else None


class Scene:
    """A ticket with its requester, two agents, and a mirror on each side."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def set(self, **fields: Any) -> "Scene":
        desk = self.desk
        self.admin, self.ann, self.ben = await desk.admin(), await desk.agent(), await desk.agent()
        self.customer = await desk.customer()
        self.team = await desk.team("Field", self.ann, self.ben, lead=self.ben)
        self.ticket_id = (await self.customer.ticket("Fire", description="It burns", tags=["hot"]))["id"]
        await self.put("assign", {"assigned_to": self.ann.id})
        self.staff_socket, self.outside_socket = await connect(self.ben), await connect(self.customer)
        self.listener = await connect(self.ann)
        await self.listener.quiet()
        self.staff = await self._mirror(self.staff_socket, staff=True)
        self.outside = await self._mirror(self.outside_socket, staff=False)
        listed = (await self.ann.get("/api/tickets/")).body["items"]
        self.listed = {t["id"]: t for t in listed}
        return self

    async def _mirror(self, socket: Socket, *, staff: bool) -> Mirror:
        reply = await socket.do("join_ticket", ticket_id=self.ticket_id)
        return Mirror(socket, self.ticket_id, reply["snapshot"], staff=staff)

    @property
    def path(self) -> str:
        return f"/api/tickets/{self.ticket_id}"

    async def put(self, what: str, body: Any, by: Client | None = None, status: int = 200) -> None:
        expect(await (by or self.ann).put(f"{self.path}/{what}", body), status)

    async def post(self, what: str, body: Any, by: Client | None = None, status: int = 201) -> Any:
        return expect(await (by or self.ann).post(f"{self.path}/{what}", body), status)

    async def upload(
        self,
        by: Client | None = None,
        name: str = "report.txt",
        content: bytes = b"It burns.\n",
        **fields: Any,
    ) -> str:
        """Add a file and return its id."""
        form = FormData({"ticket_id": str(self.ticket_id), **{k: str(v).lower() for k, v in fields.items()}})
        form.add_field("file", content, filename=name)
        answer = await (by or self.ann).call("POST", "/api/files/upload", data=form)
        return str(expect(answer, 201)["id"])

    async def remove(self, file_id: str) -> None:
        expect(await self.ann.delete(f"/api/files/{file_id}"), 204)

    async def check(self) -> list[str]:
        """Compare each mirror with a fresh snapshot, and the list that ``desk`` keeps with a fresh list."""
        told = []
        for person, mirror, hidden in (
            (self.ben, self.staff, {"allowed_transitions", "assignment"}),
            (self.customer, self.outside, {"allowed_transitions", "sla"}),
        ):
            told += await mirror.catch_up()
            fresh = await connect(person)
            snapshot = (await fresh.do("join_ticket", ticket_id=self.ticket_id))["snapshot"]
            await fresh.close()
            assert without(mirror.ticket, hidden) == without(snapshot["ticket"], hidden)
            assert list(mirror.messages.values()) == snapshot["messages"]
            assert mirror.files == {f["id"]: f for f in snapshot["files"]}
            assert mirror.watchers == watching(snapshot)
        await self._check_list()
        return told

    async def _check_list(self) -> None:
        for frame in await self.listener.quiet():
            if frame.get("room") == "desk":
                shown = frame["data"]["ticket"]
                self.listed.setdefault(shown["id"], {}).update(shown)
        # The room of all staff is not told of descriptions, so neither of the version that they make.
        hidden = {"description", "version", "updated_at", "allowed_transitions", "assignment"}
        fresh = (await self.ann.get("/api/tickets/")).body["items"]
        assert {t["id"]: without(t, hidden) for t in fresh} == {
            number: without(t, hidden) for number, t in self.listed.items()
        }


def without(body: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


Act = Callable[[Scene], Awaitable[Any]]
ACTIONS: dict[str, Act] = {
    "retitle": lambda s: patch(s, title="Ashes"),
    "redescribe": lambda s: patch(s, description="It burnt"),
    "recategorise": lambda s: patch(s, category="Hardware"),
    "retag": lambda s: patch(s, tags=["cold", "wet"]),
    "ask for skills": lambda s: patch(s, required_skills=["fire"]),
    "give to a team": lambda s: patch(s, team_id=s.team),
    "move": lambda s: s.put("status", {"status": "in_progress"}),
    "wait for the requester": lambda s: s.put("status", {"status": "pending"}),
    "put on hold": lambda s: s.put("status", {"status": "on_hold", "comment": "The fire brigade comes"}),
    "resolve": lambda s: s.put("status", {"status": "resolved"}),
    "close unresolved": lambda s: s.put("status", {"status": "closed", "comment": "A hoax"}),
    "apply a macro": lambda s: apply_macro(s),
    "prioritise": lambda s: s.put("priority", {"priority": "critical", "reason": "It spreads"}),
    "assign": lambda s: s.put("assign", {"assigned_to": s.ben.id}),
    "unassign": lambda s: s.put("assign", {"assigned_to": None}),
    "assign by itself": lambda s: s.put("assign", {"auto": True}),
    "escalate": lambda s: s.post("escalate", {"reason": "It still burns", "team_id": s.team}, status=200),
    "answer": lambda s: s.post("messages", {"body": "On my way"}),
    "note": lambda s: s.post("messages", {"body": "Is it insured?", "is_internal": True}),
    "hear from the requester": lambda s: s.post("messages", {"body": "Hurry"}, by=s.customer),
    "call a colleague": lambda s: s.post("messages", {"body": "Ask @agent.3", "is_internal": True}),
    "watch": lambda s: s.put("watch", None),
    "stop watching": lambda s: stop_watching(s),
    "choose who watches": lambda s: s.put("watchers", {"user_ids": [s.ben.id, s.admin.id]}),
    "change nothing": lambda s: s.put("status", {"status": "new"}),
    "raise in bulk": lambda s: bulk(s, action="priority", priority="high"),
    "tag in bulk": lambda s: bulk(s, action="tag", add_tags=["many"], remove_tags=["hot"]),
    "move in bulk": lambda s: bulk(s, action="status", status="resolved"),
    "assign in bulk": lambda s: bulk(s, action="assign", assigned_to=s.ben.id),
    "answer over the socket": lambda s: s.staff_socket.do(
        "send_message", ticket_id=s.ticket_id, body="Here", client_msg_id="a"
    ),
    "note over the socket": lambda s: s.staff_socket.do(
        "send_message", ticket_id=s.ticket_id, body="Psst", is_internal=True, client_msg_id="n"
    ),
    "write over the requester's socket": lambda s: s.outside_socket.do(
        "send_message", ticket_id=s.ticket_id, body="Well?", client_msg_id="c"
    ),
    "update over the socket": lambda s: s.staff_socket.do(
        "ticket_update",
        ticket_id=s.ticket_id,
        changes={
            "status": "resolved",
            "priority": "low",
            "assigned_to": s.ben.id,
            "title": "Out",
            "tags": [],
        },
    ),
    "close over the requester's socket": lambda s: s.outside_socket.do(
        "ticket_update", ticket_id=s.ticket_id, changes={"status": "closed", "comment": "Never mind"}
    ),
    "attach": lambda s: s.upload(),
    "attach for staff": lambda s: s.upload(is_internal=True),
    "attach as the requester": lambda s: s.upload(by=s.customer),
    "attach to an answer": lambda s: attach_to(s, is_internal=False),
    "attach to a note": lambda s: attach_to(s, is_internal=True),
    "answer with files": lambda s: say_with_files(s, is_internal=False),
    "note with files": lambda s: say_with_files(s, is_internal=True),
    "take a file away": lambda s: attach_and_remove(s),
    "take a file for staff away": lambda s: attach_and_remove(s, is_internal=True),
    "take a file of an answer away": lambda s: say_and_remove(s, is_internal=False),
    "take a file of a note away": lambda s: say_and_remove(s, is_internal=True),
    "attach a picture that comes late": lambda s: attach_late(s),
    "note with a picture that comes late": lambda s: attach_late(s, is_internal=True),
    "open another ticket": lambda s: s.customer.ticket("Smoke"),
    "be refused": lambda s: s.put("status", {"status": "closed"}, status=409),
}


async def patch(scene: Scene, **fields: Any) -> None:
    expect(await scene.ann.patch(scene.path, fields), 200)


async def bulk(scene: Scene, **fields: Any) -> None:
    answer = await scene.ann.post("/api/tickets/bulk", {"ids": [scene.ticket_id], **fields})
    assert answer.body["results"][0]["ok"], answer.body


async def stop_watching(scene: Scene) -> None:
    await scene.put("watch", None, by=scene.ben)
    expect(await scene.ben.delete(f"{scene.path}/watch"), 204)


async def apply_macro(scene: Scene) -> None:
    actions = {"status": "pending", "priority": "high", "add_tags": ["asked"], "assigned_to": "me"}
    macro = {"name": "Ask", "body": "Which one, {{requester.name}}?", "actions": actions}
    made = expect(await scene.ben.post("/api/macros/", macro), 201)
    expect(await scene.ben.post(f"/api/macros/{made['id']}/apply", {"ticket_id": scene.ticket_id}), 200)


async def attach_to(scene: Scene, *, is_internal: bool) -> None:
    message = await scene.post("messages", {"body": "See there", "is_internal": is_internal})
    await scene.upload(message_id=message["id"])


async def say_with_files(scene: Scene, *, is_internal: bool) -> list[str]:
    files = [await scene.upload(), await scene.upload()]
    await scene.post("messages", {"body": "See here", "is_internal": is_internal, "file_ids": files})
    return files


async def attach_late(scene: Scene, **fields: Any) -> None:
    """Answer with an image whose small picture is made only then."""

    async def image(side: int) -> str:
        return await scene.upload(name="burn.png", content=made_up.png(side, side), **fields)

    early = await asyncio.gather(*(image(side) for side in (20, 30, 40)))
    with held_up(scene.desk):
        late = await image(50)
        message = {"body": "See here", "file_ids": [late], "is_internal": bool(fields)}
        answer = await scene.ann.post(f"{scene.path}/messages", message)
    for file_id in (*early, late):
        await forms.settled(scene.ann, {"id": file_id})
    expect(answer, 201)


async def attach_and_remove(scene: Scene, **fields: Any) -> None:
    await scene.remove(await scene.upload(**fields))


async def say_and_remove(scene: Scene, *, is_internal: bool) -> None:
    first, _ = await say_with_files(scene, is_internal=is_internal)
    await scene.remove(first)


@pytest.mark.parametrize("name", ACTIONS)
async def test_snapshot_and_events_make_the_next_snapshot(desk: Desk, name: str) -> None:
    scene = await Scene(desk).set()

    await ACTIONS[name](scene)

    told = await scene.check()
    assert bool(told) is (name not in {"change nothing", "be refused", "open another ticket"})


async def test_after_an_answer_and_back(desk: Desk) -> None:
    scene = await Scene(desk).set()

    for step in ("answer", "wait for the requester", "hear from the requester", "resolve"):
        await ACTIONS[step](scene)
        await scene.check()
    await scene.post("messages", {"body": "It burns again"}, by=scene.customer)

    await scene.check()
    assert (scene.staff.ticket["status"], scene.staff.ticket["reopen_count"]) == ("open", 1)


async def test_what_the_desk_does_by_itself_is_told_as_well(desk: Desk) -> None:
    scene = await Scene(desk).set()
    desk.clock.advance(9 * HOUR)
    await timers.fire(desk.app)
    await scene.check()
    assert scene.staff.ticket["sla"]["state"] == "breached"
    await ACTIONS["resolve"](scene)

    desk.clock.advance(7 * DAY)
    await timers.fire(desk.app)

    await scene.check()
    assert scene.outside.ticket["status"] == "closed"


async def test_another_promise_is_told_as_well(desk: Desk) -> None:
    scene = await Scene(desk).set()
    for number, seconds in enumerate((3600, 1800, 1800)):
        targets = dict.fromkeys(("first_response_s", "next_response_s", "resolution_s"), seconds)
        body = {"name": f"Policy {number}", "targets": {"medium": targets}, "is_default": True}
        expect(await scene.admin.post("/api/sla/policies/", body), 201)
        await settled(desk)

        assert "sla" in await scene.check()
        desk.clock.advance(HOUR)
        await timers.fire(desk.app)
        for step in ("answer", "hear from the requester"):
            await ACTIONS[step](scene)
            await scene.check()

    assert scene.staff.ticket["sla"]["policy"] == "Policy 2"


@pytest.mark.parametrize("seed", range(3))
async def test_any_row_of_actions_keeps_the_mirrors_true(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    scene = await Scene(desk).set()

    for _ in range(40):
        name = chance.choice(list(ACTIONS))
        with contextlib.suppress(AssertionError):  # not possible from here, which must change nothing either
            await ACTIONS[name](scene)
        desk.clock.advance(1000)
        await scene.check()
