import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./page.js";

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR, NOW = Date.UTC(2026, 2, 14, 12);
const { ago, due, dueLong, span } = await load("times.js");

test("how long ago it was is said in the largest fitting unit", () => {
  for (const [passed, said] of [
    [-5000, "now"], [0, "now"], [59_999, "now"], [MINUTE, "1 min"], [59 * MINUTE + 59_999, "59 min"], [HOUR, "1 h"],
    [47 * HOUR + 59 * MINUTE, "47 h"], [2 * DAY, "2 d"], [30 * DAY - 1, "29 d"],
  ]) assert.equal(ago(NOW - passed, NOW), said, `${passed} ms`);
});

test("beyond a month it is a day, and no longer a length of time", () => {
  assert.match(ago(NOW - 30 * DAY, NOW), /12/);
  assert.match(ago(NOW - 30 * DAY, NOW), /Feb/);
});

test("less than a minute of time left is a minute", () => {
  assert.equal(span(0), "1 min");
  assert.equal(due(NOW + 500, NOW), "1 min");
});

test("what is over has a minus, or is late", () => {
  assert.equal(due(NOW + 2 * HOUR, NOW), "2 h");
  assert.equal(due(NOW - 2 * HOUR, NOW), "-2 h");
  assert.equal(dueLong(NOW + 3 * DAY, NOW), "3 d left");
  assert.equal(dueLong(NOW - 5 * MINUTE, NOW), "5 min late");
  assert.equal(dueLong(NOW, NOW), "1 min left");
});

test("a day is the one that it is where the person lives", async () => {
  const late = Date.UTC(2026, 0, 31, 23, 30);

  const berlin = await load("times.js", { zone: "Europe/Berlin" }), lima = await load("times.js", { zone: "America/Lima" });

  assert.match(berlin.ago(late, NOW), /\b1\b/);
  assert.match(lima.ago(late, NOW), /\b31\b/);
});

test("a time zone that the browser does not know is no reason to show nothing", async () => {
  const { ago: said } = await load("times.js", { zone: "Mars/Olympus" });

  assert.match(said(NOW - 40 * DAY, NOW), /Feb|2/);
});
