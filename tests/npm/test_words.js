import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./page.js";

// What the static folder would answer for a catalogue, without its server.
function serve(answer) {
  const asked = [];
  globalThis.fetch = async (address) => {
    asked.push(new URL(address).pathname.split("/static/")[1]);
    return answer();
  };
  return asked;
}

const json = (catalogue) => () => Response.json(catalogue);

test("an English page loads no catalogue", async () => {
  const asked = serve(json({ Send: "Senden" }));

  const { t } = await load("words.js", { lang: "en" });

  assert.equal(t("Send"), "Send");
  assert.deepEqual(asked, []);
});

test("values take the places of their names", async () => {
  const { t } = await load("words.js", { lang: "en" });

  assert.equal(t("{name} mentioned you in {ticket}", { ticket: "#1", name: "Ada" }), "Ada mentioned you in #1");
  assert.equal(t("{done} done, {done} of {all}", { done: 0, all: 2 }), "0 done, 0 of 2");
});

test("a value that looks like a place or a pattern stays as it is", async () => {
  const { t } = await load("words.js", { lang: "en" });

  assert.equal(t("Assigned to {name}", { name: "{name} $& $1" }), "Assigned to {name} $& $1");
  assert.equal(t("Left {open}"), "Left {open}");
});

test("one thing is not many", async () => {
  const { tn } = await load("words.js", { lang: "en" });

  assert.deepEqual([0, 1, 2].map((n) => tn("{n} file left", "{n} files left", n)), ["0 files left", "1 file left", "2 files left"]);
});

test("another language is fetched once, and read from then on", async () => {
  const asked = serve(json({ Send: "Senden", "Assigned to {name}": "{name} zugewiesen", "{n} file left": ["noch {n} Datei", "noch {n} Dateien"] }));

  const { t, tn, language } = await load("words.js", { lang: "de" });

  assert.equal(language, "de");
  assert.equal(t("Send"), "Senden");
  assert.equal(t("Assigned to {name}", { name: "Ada" }), "Ada zugewiesen");
  assert.deepEqual([1, 5].map((n) => tn("{n} file left", "{n} files left", n)), ["noch 1 Datei", "noch 5 Dateien"]);
  assert.deepEqual(asked, ["words/de.json"]);
});

test("each language has its own idea of one", async () => {
  serve(json({ "{n} file left": ["{n} fichier", "{n} fichiers"] }));

  const { tn } = await load("words.js", { lang: "fr" });

  assert.deepEqual([0, 1, 2].map((n) => tn("{n} file left", "{n} files left", n)), ["0 fichier", "1 fichier", "2 fichiers"]);
});

test("what has no translation is read in English", async () => {
  serve(json({ Send: "", Reply: ["falsch"], "{n} file left": "falsch", "{n} row": ["", ""] }));

  const { t, tn } = await load("words.js", { lang: "nl" });

  assert.deepEqual([t("Send"), t("Reply"), t("Never translated")], ["Send", "Reply", "Never translated"]);
  assert.equal(tn("{n} file left", "{n} files left", 2), "2 files left");
  assert.equal(tn("{n} row", "{n} rows", 1), "1 row");
});

test("a catalogue that is missing, broken or out of reach leaves the page in English", async () => {
  for (const [lang, answer] of [
    ["xa", () => new Response("There is no such file.", { status: 404 })],
    ["xb", () => new Response("{ not json")],
    ["xc", () => Response.json(null)],
    ["xd", () => { throw new TypeError("Failed to fetch"); }],
  ]) {
    serve(answer);
    const { t } = await load("words.js", { lang });
    assert.equal(t("Send"), "Send", lang);
  }
});
