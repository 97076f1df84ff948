// The small comforts of the admin pages: keys, copying, confirming. Every page works without them.
"use strict";

const root = document.documentElement;
root.classList.add("js");

let pendingGo = 0;

// Single keys can get in the way of speech input, so they can be switched off.
const shortcuts = document.querySelector("[data-shortcuts]") || {checked: false};
shortcuts.checked = localStorage.getItem("shortcuts") !== "off" && shortcuts instanceof Element;
document.addEventListener("change", (event) => {
  if (event.target === shortcuts) localStorage.setItem("shortcuts", shortcuts.checked ? "on" : "off");
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    event.target.closest("form[data-ctrl-enter]")?.requestSubmit();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k" && palette) {
    event.preventDefault();
    if (!palette.open) openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape") return leave(event);
  if (!shortcuts.checked || event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
  if (pendingGo && Date.now() - pendingGo < 1500) {
    pendingGo = 0;
    const entry = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (entry) { event.preventDefault(); location.href = entry.href; }
    return;
  }
  const act = KEYS[event.key];
  if (act) act(event);
});

// The palette: what is typed is asked of the search's own page, whose answer is links. Arrows go through them, and the
// browser gives the focus back where it was when the dialog closes.
const palette = document.getElementById("palette");
const asked = palette?.querySelector("input");
const found = palette?.querySelector(".found");
let asking = null;
let askSoon = 0;

function openPalette() {
  palette.showModal();
  asked.select();
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const where = `${asked.form.action}?q=${encodeURIComponent(asked.value)}`;
  try {
    const answer = await fetch(where, {headers: {"HX-Request": "true"}, signal: asking.signal});
    if (!answer.ok || answer.redirected) location.href = where;
    else found.innerHTML = await answer.text();
  } catch (error) {
    if (error.name !== "AbortError") found.textContent = "No answer. Try again in a moment.";
  }
}

palette?.addEventListener("input", () => {
  clearTimeout(askSoon);
  askSoon = setTimeout(ask, 120);
});
palette?.addEventListener("keydown", (event) => {
  const stops = [asked, ...found.querySelectorAll("a")];
  const at = stops.indexOf(document.activeElement);
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (step) {
    event.preventDefault();
    stops[(at + step + stops.length) % stops.length].focus();
  } else if (event.key === "Enter" && at === 0 && stops.length > 1) {
    event.preventDefault();
    stops[1].click();
  }
});

const KEYS = {
  "/": (event) => focusOn("[data-search]", event),
  "g": () => { pendingGo = Date.now(); },
  "j": () => moveRow(1),
  "k": () => moveRow(-1),
  "e": () => document.querySelector("[data-key='e']")?.click(),
  "p": () => document.querySelector("[data-key='p']")?.click(),
  "?": () => document.getElementById("keys")?.showModal(),
};

function focusOn(selector, event) {
  const field = document.querySelector(selector);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}

// j and k move the focus itself, so Enter, Tab and screen readers go on from there.
function moveRow(step) {
  const links = [...document.querySelectorAll("[data-rows] tbody th a")];
  if (!links.length) return;
  const here = document.activeElement.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === here);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step));
  links[next].focus();
}

function leave(event) {
  if (event.target.closest("dialog[open]")) return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.target.matches("[data-search]")) {
    event.target.blur();
  }
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog) {
      event.preventDefault();
      document.getElementById("rail")?.hidePopover?.();
      if (dialog === palette) openPalette();
      else dialog.showModal();
    }
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) { event.preventDefault(); closer.closest("dialog").close(); }
  const copier = event.target.closest("[data-copies]");
  if (copier) copy(copier);
});

async function copy(button) {
  const text = document.getElementById(button.dataset.copies).textContent;
  const label = button.querySelector("span") || button;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Press Ctrl+C";
    getSelection().selectAllChildren(document.getElementById(button.dataset.copies));
  }
  setTimeout(() => { label.textContent = before; }, 1600);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submits]")) event.target.form.requestSubmit();
});

// One click, one request: a second click on a slow form would send it twice.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

function prepare(scope) {
  for (const control of scope.querySelectorAll("[data-opens][hidden], [data-copies][hidden], [data-narrows][hidden]")) {
    control.hidden = false;
  }
}
prepare(document);

// A partial that ended in an error or at the log-in page is a page of its own: go there.
document.addEventListener("htmx:before:response", (event) => {
  const {response} = event.detail.ctx;
  if (response.status < 400 && !response.raw.redirected) return;
  event.preventDefault();
  // A live page keeps what it shows, says since when it has had no answer, and asks again.
  if (response.status >= 500 && live?.contains(event.target)) return;
  location.href = response.raw.url;
});
// What was typed into a search before htmx was ready counts as typed now.
document.addEventListener("htmx:after:init", (event) => {
  const field = event.target.querySelector("[data-search]");
  if (field && field.value !== field.defaultValue) field.dispatchEvent(new Event("input", {bubbles: true}));
});
document.addEventListener("htmx:after:swap", (event) => {
  prepare(document);
  const target = event.detail.ctx.target;
  if (target instanceof HTMLDialogElement && !target.open) target.showModal();
});

// A live page asks for itself every second, or as many as it says. It can be paused, and holds still while one points at a row or selects.
const live = document.querySelector("[data-live]");
if (live) {
  const state = document.querySelector("[data-live-state]");
  const announced = document.querySelector("[data-live-announced]");
  const pause = document.querySelector("[data-pauses]");
  const patience = 3 * (Number(live.dataset.live) || 1);
  let paused = false;
  let answeredAt = Date.now();
  // Screen readers hear of a change, not of every second that it lasts.
  const tell = (tone, words, since = "") => {
    if (announced.textContent !== words) announced.textContent = words;
    if (state.textContent === words + since) return;
    state.className = `state ${tone}`;
    state.textContent = words + since;
  };
  const isInUse = () => {
    const selection = getSelection();
    return (matchMedia("(hover: hover)").matches && live.querySelector("tbody tr:hover"))
      || (!selection.isCollapsed && live.contains(selection.anchorNode));
  };
  pause.addEventListener("click", () => {
    paused = !paused;
    answeredAt = Date.now();
    pause.querySelector("span").textContent = paused ? "Resume" : "Pause";
    tell(paused ? "off" : "ok", paused ? "Paused" : "Live");
  });
  live.addEventListener("htmx:before:request", (event) => {
    const still = !paused && isInUse();
    if (still) tell("off", "Holding still while you look");
    if (!paused && !still && !document.hidden) return;
    answeredAt = Date.now();
    event.preventDefault();
  });
  live.addEventListener("htmx:before:swap", (event) => {
    if (paused || isInUse()) event.preventDefault();
  });
  live.addEventListener("htmx:after:swap", () => {
    answeredAt = Date.now();
    if (!paused) tell("ok", "Live");
  });
  setInterval(() => {
    const silent = Math.round((Date.now() - answeredAt) / 1000);
    if (!paused && silent > patience) tell("bad", "No answer", ` for ${silent} s`);
  }, 1000);
}

// A list's boxes: the one in the head ticks and unticks those below it.
document.addEventListener("change", (event) => {
  if (!event.target.matches(".chosen thead input")) return;
  for (const box of event.target.closest("table").querySelectorAll("tbody input[name=ids]")) box.checked = event.target.checked;
});

// The tool picker: narrow the list by typing, say how many are chosen.
for (const picker of document.querySelectorAll("[data-picker]")) {
  const search = picker.querySelector("input[type=search]");
  const count = picker.querySelector("[data-count]");
  const rows = [...picker.querySelectorAll(".pick")];
  const tell = () => { count.textContent = `${picker.querySelectorAll("input[type=checkbox]:checked").length} chosen`; };
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  });
  const find = picker.querySelector("button[name=narrow]");
  // Enter presses a form's first button, which is Find: right in its own field while there is more to find, wrong elsewhere.
  const form = picker.closest("form");
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (event.target !== search) form.requestSubmit(form.querySelector("button.primary"));
    else if (!find.classList.contains("html-only")) form.requestSubmit(find);
  });
  picker.addEventListener("change", tell);
  tell();
}
