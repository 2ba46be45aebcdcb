// Pages for people without an account: copy the private link, and see new messages without reloading.

const EVERY = 20_000;

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (!(button instanceof HTMLElement)) return;
  const field = document.getElementById(button.dataset.copy ?? "");
  const said = document.getElementById("copied");
  if (!(field instanceof HTMLInputElement) || !said) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    said.textContent = said.dataset.done ?? "";
  } catch { /* it is selected: the keyboard copies it */ }
});

// Replace what changed, unless somebody is in the middle of it.
function renew(/** @type {Document} */ fresh, /** @type {string} */ id) {
  const here = document.getElementById(id);
  const there = fresh.getElementById(id);
  if (!here || !there || here.contains(document.activeElement) && here.id !== "log") return;
  if (plain(here) !== plain(there)) here.replaceChildren(...there.childNodes);
}

// The key of a form is another one each time; it is nothing that anybody sees.
const plain = (/** @type {HTMLElement} */ part) => part.innerHTML.replace(/name="key" value="[^"]*"/, "");

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["state", "log"]) renew(fresh, id);
    const chosen = document.querySelector("#files");
    const typed = document.querySelector("#reply");
    const begun = typed instanceof HTMLTextAreaElement && typed.value || chosen instanceof HTMLInputElement && chosen.files?.length;
    if (!begun) renew(fresh, "answer");
  } catch { /* the line is down: the next look will do */ }
}

if (document.querySelector("#log")) {
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
