import assert from "node:assert/strict";
import test from "node:test";
import { FIRST, LAST, advised, backOff } from "../../static/pauses.js";

const CHANCES = [0, 0.25, 0.5, 0.999999];

test("every pause lies between half a second and half a minute, for ever", () => {
  for (const tries of [0, 1, 2, 5, 6, 7, 50, 1_000, 100_000]) {
    for (const chance of CHANCES) {
      const pause = backOff(tries, chance);
      assert.ok(pause >= 500 && pause <= 30_000, `${pause} ms after ${tries} tries`);
    }
  }
  assert.deepEqual([FIRST, LAST], [500, 30_000]);
});

test("the longest possible pause doubles until it is half a minute", () => {
  const longest = [0, 1, 2, 3, 4, 5, 6].map((tries) => Math.round(backOff(tries, 0.999999999)));

  assert.deepEqual(longest, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test("two browsers that fell together do not come back together", () => {
  const pauses = new Set(Array.from({ length: 100 }, () => backOff(4)));

  assert.ok(pauses.size > 90);
  assert.ok(Math.max(...pauses) - Math.min(...pauses) > 5_000);
});

test("a server that restarts says when to come back", () => {
  assert.equal(advised(1012, '{"retry_ms": 1234}'), 1234);
});

test("only a restart gives advice", () => {
  assert.equal(advised(1006, '{"retry_ms": 1234}'), null);
  assert.equal(advised(4008, ""), null);
});

test("advice that makes no sense is not followed", () => {
  for (const reason of [undefined, "", "soon", "null", "[]", "7", '{"retry_ms": "x"}', '{"retry_ms": -5}', '{"retry_ms": null}']) {
    assert.equal(advised(1012, reason), FIRST, String(reason));
  }
  assert.equal(advised(1012, '{"retry_ms": 99999999}'), LAST);
});
