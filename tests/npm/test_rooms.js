import assert from "node:assert/strict";
import test from "node:test";
import { Rooms } from "../../static/rooms.js";

const DESK = "desk", ROOM = "ticket:7";
const event = (seq, room = ROOM) => ({ event: "ticket_updated", room, seq, data: { ticket_id: 7 } });
const position = (seq, more = {}) => ({ epoch: "one", ticket: 7, rooms: { [ROOM]: seq }, ...more });
const greeting = (rooms, epoch = "one") => ({ epoch, rooms, user: { id: 1, name: "Ada" }, presence: [] });

/** A tab that notes what it hears: numbers of events, and "resync". */
class Tab {
  heard = [];
  postMessage({ frame, resync }) {
    if (frame) this.heard.push(frame.seq ?? frame.event);
    if (resync) this.heard.push("resync");
  }
}

function aTab(rooms, page) {
  const tab = new Tab();
  rooms.add(tab);
  rooms.show(tab, page);
  return tab;
}

test("a tab hears every event once and in order, however often it comes", () => {
  const rooms = new Rooms(), tab = aTab(rooms, position(3));

  for (const seq of [4, 5, 5, 4, 6, 3]) rooms.take(event(seq));

  assert.deepEqual(tab.heard, [4, 5, 6]);
});

test("what was missed while the line was down is heard once and in order", () => {
  const rooms = new Rooms(), tab = aTab(rooms, position(3));
  rooms.greeted(greeting({}), true);
  rooms.take(event(4));

  const claimed = rooms.claims();
  rooms.greeted(greeting({}), true);
  rooms.greeted(greeting({ [ROOM]: { recovered: true, top: 24 } }), false);
  for (let seq = 4; seq <= 24; seq += 1) rooms.take(event(seq));

  assert.deepEqual(claimed, { rooms: { [ROOM]: { seq: 4 } }, epoch: "one" });
  assert.deepEqual(tab.heard, Array.from({ length: 21 }, (_, n) => n + 4));
});

test("what cannot be caught up is fetched anew, once", () => {
  const rooms = new Rooms(), tab = aTab(rooms, position(3));

  rooms.greeted(greeting({ [ROOM]: { recovered: false, top: 900 } }), false);
  rooms.greeted(greeting({ [ROOM]: { recovered: false, top: 900 } }), false);
  rooms.take(event(900));
  rooms.take(event(901));

  assert.deepEqual(tab.heard, ["resync", 901]);
});

test("the first greeting, which does not know what was heard, changes nothing", () => {
  const rooms = new Rooms(), tab = aTab(rooms, position(3));

  rooms.greeted(greeting({ [ROOM]: { recovered: false, top: 9 } }), true);

  assert.deepEqual(tab.heard, []);
  assert.equal(rooms.claims().rooms[ROOM].seq, 3);
});

test("a hole in the numbers is not passed over", () => {
  const rooms = new Rooms(), tab = aTab(rooms, position(3));

  rooms.take(event(6));

  assert.deepEqual(tab.heard, [6, "resync"]);
});

test("a page that is a little older than the line gets what it lacks", () => {
  const rooms = new Rooms(), first = aTab(rooms, position(3));
  for (const seq of [4, 5, 6]) rooms.take(event(seq));

  const second = aTab(rooms, position(4));

  assert.deepEqual(first.heard, [4, 5, 6]);
  assert.deepEqual(second.heard, [5, 6]);
});

test("a page that is older than what the line remembers is fetched anew", () => {
  const rooms = new Rooms();
  aTab(rooms, position(0));
  for (let seq = 1; seq <= 300; seq += 1) rooms.take(event(seq));

  const late = aTab(rooms, position(50));

  assert.deepEqual(late.heard, ["resync"]);
});

test("a page that is newer than the line hears nothing twice", () => {
  const rooms = new Rooms();
  aTab(rooms, position(3));

  const newer = aTab(rooms, position(5));
  for (const seq of [4, 5, 6]) rooms.take(event(seq));

  assert.deepEqual(newer.heard, [6]);
});

test("a desk that was restored from a backup is read anew", () => {
  const rooms = new Rooms(), tab = aTab(rooms, position(500));

  rooms.greeted(greeting({}, "two"), true);
  rooms.greeted(greeting({ [ROOM]: { recovered: false, top: 20 } }, "two"), false);
  rooms.take(event(21));

  assert.deepEqual(tab.heard, ["resync", 21]);
});

test("a tab hears its own rooms alone", () => {
  const rooms = new Rooms(), seven = aTab(rooms, position(0)), list = aTab(rooms, { epoch: "one", ticket: null, rooms: { [DESK]: 0 } });

  rooms.take(event(1));
  rooms.take(event(1, DESK));

  assert.deepEqual(seven.heard, [1]);
  assert.deepEqual(list.heard, [1]);
  assert.deepEqual(rooms.claims().rooms, { [ROOM]: { seq: 1 }, [DESK]: { seq: 1 } });
});

test("a ticket is left when the last tab that shows it goes", () => {
  const rooms = new Rooms(), one = aTab(rooms, position(0)), two = aTab(rooms, position(0));

  assert.equal(rooms.drop(one), null);
  assert.equal(rooms.show(two, position(0)), null);
  assert.equal(rooms.show(two, { epoch: "one", ticket: 8, rooms: { "ticket:8": 0 } }), 7);
  assert.equal(rooms.drop(two), 8);
  assert.equal(rooms.tabs.size, 0);
});

test("who comes to a ticket is told who looks at it", () => {
  const rooms = new Rooms();
  aTab(rooms, position(0));
  rooms.take({ event: "presence_update", data: { ticket_id: 7, viewers: [{ id: 2, name: "Ben", state: "viewing" }] } });

  assert.deepEqual(aTab(rooms, position(0)).heard, ["presence_update"]);
});
