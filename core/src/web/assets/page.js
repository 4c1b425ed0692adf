"use strict";
// The page works without this script. With it, states change as they happen, actions need no
// new page, uptimes tick and the filter acts while one types.

const table = document.getElementById("processes");
const message = document.getElementById("message");
const live = document.getElementById("live");
const summaryOrder = ["fatal", "backoff", "unknown", "exited", "starting", "stopping", "running", "stopped"];
const ups = ["running", "starting", "backoff"];
// Without a name and password that may stand in the page's own address: fetch refuses those.
const base = location.origin;
let clockSkew = 0;

function rows() { return table.querySelectorAll("tr[data-id]"); }
function rowOf(id) { return table.querySelector(`tr[data-id="${CSS.escape(id)}"]`); }

// ---- what the daemon tells ----

function update(row, process) {
  const state = process.state.toLowerCase();
  row.dataset.start = process.start;
  row.querySelector(".description").textContent = process.description;
  if (row.dataset.state === state) return;
  row.dataset.state = state;
  const badge = row.querySelector(".state");
  badge.className = "state " + state;
  badge.textContent = state;
  const isUp = ups.includes(state);
  for (const button of row.querySelectorAll("button[name=action]")) {
    if (button.value === "start") button.disabled = isUp || state === "stopping";
    if (button.value === "stop" || button.value === "restart") button.disabled = !isUp;
  }
}

function summarize() {
  const counts = {};
  for (const row of rows()) counts[row.dataset.state] = (counts[row.dataset.state] || 0) + 1;
  const badges = summaryOrder.filter((state) => counts[state]).map((state) => {
    const badge = document.createElement("a");
    badge.className = "state " + state;
    badge.href = "/?state=" + state;
    badge.textContent = counts[state] + " " + state;
    return badge;
  });
  document.getElementById("summary").replaceChildren(...badges);
  for (const option of document.querySelectorAll("#filter-state option[data-state]")) {
    option.textContent = option.value + " (" + (counts[option.value] || 0) + ")";
  }
}

function snapshot(data) {
  clockSkew = data.now - Date.now() / 1000;
  const mood = document.getElementById("mood");
  mood.textContent = data.mood.toLowerCase();
  mood.classList.toggle("ending", data.mood !== "RUNNING");
  for (const input of document.querySelectorAll("input[name=token]")) input.value = data.token;
  const known = new Set(data.processes.map((process) => process.id));
  const same = known.size === rows().length && [...rows()].every((row) => known.has(row.dataset.id));
  if (!same) { rebuild(); return; }
  for (const process of data.processes) update(rowOf(process.id), process);
  summarize();
  filter();
}

// Groups have come or gone: the daemon writes the table, so that there is one place that does.
async function rebuild() {
  const answer = await fetch(base + "/", { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement && document.activeElement.closest("tr[data-id]");
  table.replaceChildren(...fresh.getElementById("processes").childNodes);
  if (focused) { const row = rowOf(focused.dataset.id); if (row) row.querySelector("a").focus(); }
  summarize();
  filter();
}

function listen() {
  const source = new EventSource(base + "/events");
  source.addEventListener("open", () => { live.hidden = false; live.textContent = "live"; live.classList.remove("lost"); });
  source.addEventListener("error", () => {
    live.hidden = false; live.textContent = "reconnecting"; live.classList.add("lost");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
  source.addEventListener("snapshot", (event) => snapshot(JSON.parse(event.data)));
  source.addEventListener("process", (event) => {
    const process = JSON.parse(event.data);
    const row = rowOf(process.id);
    if (row) { update(row, process); summarize(); filter(); }
  });
}

// ---- uptimes tick, as the daemon would write them ----

function uptime(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(seconds / 86400), rest = seconds % 86400;
  const clock = Math.floor(rest / 3600) + ":" + two(Math.floor(rest / 60) % 60) + ":" + two(rest % 60);
  return days === 0 ? clock : days === 1 ? "1 day, " + clock : days + " days, " + clock;
}

function tick() {
  if (document.hidden) return;
  const now = Math.floor(Date.now() / 1000 + clockSkew);
  for (const row of rows()) {
    if (row.dataset.state !== "running" || row.hidden) continue;
    const cell = row.querySelector(".description");
    const pid = /^pid \d+/.exec(cell.textContent);
    if (pid) cell.textContent = pid[0] + ", uptime " + uptime(Math.max(0, now - Number(row.dataset.start)));
  }
}

// ---- actions ----

function say(text, isGood) {
  message.textContent = text;
  message.classList.toggle("bad", !isGood);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  const button = event.submitter;
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("action", button.value);
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(base + "/", { method: "POST", body: fields, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.status === 403 ? "the page was older than the daemon; try again" : answer.statusText);
    const said = await answer.json();
    say(said.message, said.ok);
    if (button.value === "refresh") await rebuild();
  } catch (error) {
    say("Not done: " + error.message, false);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

// ---- filter ----

const filterForm = document.getElementById("filter");
const filterText = document.getElementById("filter-text");
const filterState = document.getElementById("filter-state");

function filter() {
  const text = filterText.value.trim().toLowerCase();
  const state = filterState.value;
  let any = false;
  for (const row of rows()) {
    const matches = (row.dataset.id.toLowerCase().includes(text) || row.dataset.state.includes(text))
      && (!state || row.dataset.state === state);
    row.hidden = !matches;
    any = any || matches;
  }
  for (const body of table.tBodies) body.hidden = !body.querySelector("tr[data-id]:not([hidden])");
  document.getElementById("none").hidden = any || rows().length === 0;
}

document.getElementById("summary").addEventListener("click", (event) => {
  const badge = event.target.closest("a");
  if (!badge) return;
  event.preventDefault();
  const state = new URL(badge.href).searchParams.get("state");
  filterState.value = filterState.value === state ? "" : state;
  filter();
});
filterForm.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
filterForm.querySelector("button").hidden = true;
filterText.addEventListener("input", filter);
filterState.addEventListener("change", filter);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault(); filterText.focus(); filterText.select();
  }
  if (event.key === "Escape" && document.activeElement === filterText) { filterText.value = ""; filter(); }
});

// ---- dark and light ----

const themes = ["system", "light", "dark"];
const themeButton = document.getElementById("theme");
function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  themeButton.textContent = "Theme: " + theme;
}
themeButton.hidden = false;
setTheme(themes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system");
themeButton.addEventListener("click", () => {
  const next = themes[(themes.indexOf(localStorage.getItem("theme") || "system") + 1) % themes.length];
  localStorage.setItem("theme", next);
  setTheme(next);
});

listen();
setInterval(tick, 1000);
