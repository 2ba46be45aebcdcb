import assert from "node:assert/strict";
import test from "node:test";
import { best, fit, recentFirst } from "../../static/ranking.js";

const labels = (items) => items.map((item) => item.label);
const named = (...all) => all.map((label) => ({ label }));

test("a few letters of two words find the action", () => {
  const items = named("Assign to Adam", "Set status", "Assign to Tamara", "Mark as spam", "Assign to Mara", "Search");

  assert.equal(best("ass mar", items)[0].label, "Assign to Mara");
});

test("the beginning of a word is better than its middle, and that is better than letters apart", () => {
  assert.deepEqual(labels(best("print", named("p r i n t", "The blueprint", "The printer"))), ["The printer", "The blueprint", "p r i n t"]);
});

test("a text in which a word does not occur is not offered", () => {
  assert.equal(fit("assign zoe", "Assign to Mara"), 0);
  assert.deepEqual(best("xyzzy", named("Assign", "Reply")), []);
});

test("letters in the wrong order do not fit", () => {
  assert.equal(fit("ylper", "Reply"), 0);
});

test("a letter beyond English begins no new word", () => {
  assert.deepEqual(labels(best("ber", named("Über uns", "Neue Berichte"))), ["Neue Berichte", "Über uns"]);
});

test("of equals the earlier one stays first", () => {
  assert.deepEqual(labels(best("go", named("Go A", "Go B", "Go C"))), ["Go A", "Go B", "Go C"]);
});

test("without letters everything is offered as it comes, up to a number", () => {
  const items = named(...Array.from({ length: 80 }, (_, n) => `Ticket ${n}`));

  assert.deepEqual(best("  ", items, 3), items.slice(0, 3));
  assert.equal(best("ticket", items).length, 50);
});

test("what was chosen last comes first, with letters and without", () => {
  const items = recentFirst(named("Set status", "Settings", "Search", "Set priority"), ["Settings", "Search"]);

  assert.deepEqual(labels(items), ["Settings", "Search", "Set status", "Set priority"]);
  assert.deepEqual(labels(best("se", items)), ["Settings", "Search", "Set status", "Set priority"]);
});

test("being recent does not make up for not fitting", () => {
  assert.deepEqual(labels(best("status", recentFirst(named("Set status", "Settings"), ["Settings"]))), ["Set status"]);
});

test("other words may find an item than those that it shows", () => {
  assert.equal(best("ada.l", [{ label: "Ada", search: "Ada ada.lovelace" }]).length, 1);
});

test("among two thousand items the right one is first at each letter from the third on", (context) => {
  const names = ["Mara", "Tom", "Ines", "Omar", "Marc"];
  const items = Array.from({ length: 2000 }, (_, n) => ({ label: `#${n} The ${["printer", "mail", "screen"][n % 3]} of ${names[n % 5]} is ${n % 2 ? "late" : "broken"}` }));
  items.splice(1234, 0, { label: "Assign to Mara" });

  const taken = [];
  for (let letters = 1; letters <= "ass mar".length; letters += 1) {
    const began = performance.now(), found = best("ass mar".slice(0, letters), items);
    taken.push(performance.now() - began);
    assert.ok(found.length > 0 && found.length <= 50);
    if (letters >= 3) assert.equal(found[0].label, "Assign to Mara");
  }
  context.diagnostic(`the slowest letter took ${Math.max(...taken).toFixed(1)} ms`);
});
