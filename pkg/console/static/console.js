// The page follows by server-sent events: each carries one part as HTML that the server has escaped. A part is put in place
// of the former one, but of a table whose rows have keys only what differs is touched, so that focus and selection stay.
"use strict";

const link = document.getElementById("link");
const pause = document.getElementById("pause");
const said = document.getElementById("said");
const QUIET = 15000; // ms without an event after which the connection counts as lost
const AGAIN = 5000; // ms before a connection that the server refused is tried again
const SAY_EVERY = 10000; // ms between what is read out about new rows

let source = null;
let heard = 0;
let held = new Map(); // parts that came while paused
let unsaid = 0;

function show(state, text) {
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  link.textContent = text;
}

const paused = () => pause.getAttribute("aria-pressed") === "true";

function rows(html) {
  const t = document.createElement("template");
  t.innerHTML = html;
  return [...t.content.querySelectorAll("tr")];
}

function mergeRows(body, html) {
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const next = rows(html);
  const keys = new Set(next.map((row) => row.dataset.key));
  for (const [key, row] of known) if (!keys.has(key)) row.remove();
  let at = body.firstElementChild;
  for (const row of next) {
    const old = known.get(row.dataset.key);
    if (old) {
      at = old.nextElementSibling;
      continue;
    }
    row.classList.add("new");
    body.insertBefore(row, at);
    reveal(row);
    if (row.dataset.key !== "none") unsaid++;
  }
}

// reveal shows what works with JavaScript only.
function reveal(within) {
  for (const button of within.querySelectorAll("button.copy")) button.hidden = false;
}

function put(part, html) {
  const at = document.getElementById("part-" + part);
  if (!at) return;
  if ("keyed" in at.dataset) return mergeRows(at, html);
  const focused = at.contains(document.activeElement) ? document.activeElement.dataset.copy : undefined;
  at.innerHTML = html;
  reveal(at);
  if (focused) at.querySelector(`[data-copy="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function follow() {
  source?.close();
  source = new EventSource("/console/events");
  const alive = () => {
    heard = Date.now();
    if (!paused()) show("live", "Live");
  };
  source.addEventListener("beat", alive);
  source.addEventListener("part", (event) => {
    alive();
    const { part, html } = JSON.parse(event.data);
    if (paused()) held.set(part, html);
    else put(part, html);
  });
  source.addEventListener("end", () => lost("The process stops"));
  source.addEventListener("error", (event) => {
    lost("Not connected: trying again");
    if (event.target.readyState === EventSource.CLOSED) setTimeout(() => event.target === source && follow(), AGAIN);
  });
}

function lost(text) {
  if (!paused()) show("lost", text);
}

pause.addEventListener("click", () => {
  const on = !paused();
  pause.setAttribute("aria-pressed", String(on));
  if (on) return show("paused", "Paused");
  for (const [part, html] of held) put(part, html);
  held = new Map();
  if (Date.now() - heard < QUIET) show("live", "Live");
  else lost("Not connected: trying again");
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    said.textContent = "Copied: " + button.dataset.copy;
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    const code = button.parentElement.querySelector("code");
    code.textContent = button.dataset.copy; // to be copied by hand
    getSelection().selectAllChildren(code);
    said.textContent = "Selected: copy it with your keyboard";
  }
});

setInterval(() => {
  if (unsaid === 0 || paused()) return;
  said.textContent = unsaid === 1 ? "1 more request was refused" : unsaid + " more requests were refused";
  unsaid = 0;
}, SAY_EVERY);

setInterval(() => {
  if (heard && Date.now() - heard > QUIET) lost("Not connected: trying again");
}, 1000);

// A tab that nobody sees holds no connection: a browser has six for each host, and the server reads only for who looks.
document.addEventListener("visibilitychange", () => (document.hidden ? source.close() : follow()));
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && follow());
pause.hidden = false;
reveal(document);
follow();
