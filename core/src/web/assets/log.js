"use strict";
// Follows a log: what is written appears as it is written. Search and wrap act on what is shown.

const log = document.getElementById("log");
const live = document.getElementById("live");
const follow = document.getElementById("follow");
const search = document.getElementById("search");
const matches = document.getElementById("matches");
const linesMax = 20000;
let current = -1;

const theme = localStorage.getItem("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

// ---- lines ----

function decorate(line) {
  const text = search.value.toLowerCase();
  line.classList.toggle("hit", text !== "" && line.textContent.toLowerCase().includes(text));
}

function append(text) {
  const parts = text.split(/(?<=\n)/);
  const fresh = document.createDocumentFragment();
  const last = log.lastElementChild;
  if (last && !last.textContent.endsWith("\n") && parts.length) {
    last.textContent += parts.shift();
    decorate(last);
  }
  for (const part of parts) {
    const line = document.createElement("span");
    line.className = "line";
    line.textContent = part;
    decorate(line);
    fresh.append(line);
  }
  log.append(fresh);
  while (log.childElementCount > linesMax) log.firstElementChild.remove();
  if (follow.checked) log.scrollTop = log.scrollHeight;
  count();
}

// ---- follow ----

async function run() {
  const decoder = new TextDecoder();
  const answer = await fetch(location.origin + log.dataset.source);
  if (!answer.ok) throw new Error(answer.statusText);
  log.replaceChildren();
  document.getElementById("note").textContent = "";
  live.hidden = false; live.textContent = "live"; live.classList.remove("lost");
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    append(decoder.decode(value, { stream: true }));
  }
}

async function keepRunning() {
  for (;;) {
    try { await run(); } catch (error) { /* Said below; tried again. */ }
    live.hidden = false; live.textContent = "reconnecting"; live.classList.add("lost");
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

log.addEventListener("scroll", () => {
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  if (!atEnd && follow.checked) follow.checked = false;
});
follow.addEventListener("change", () => { if (follow.checked) log.scrollTop = log.scrollHeight; });

// ---- search and wrap ----

function hits() { return [...log.querySelectorAll(".hit")]; }

function count() {
  const found = search.value ? log.querySelectorAll(".hit").length : 0;
  matches.textContent = search.value ? found + (found === 1 ? " line" : " lines") : "";
}

function go(step) {
  const found = hits();
  if (!found.length) return;
  for (const line of log.querySelectorAll(".current")) line.classList.remove("current");
  current = (current + step + found.length) % found.length;
  follow.checked = false;
  found[current].classList.add("current");
  found[current].scrollIntoView({ block: "center" });
  matches.textContent = (current + 1) + " of " + found.length;
}

search.addEventListener("input", () => {
  current = -1;
  for (const line of log.children) { line.classList.remove("current"); decorate(line); }
  count();
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); }
  if (event.key === "Escape") { search.value = ""; search.dispatchEvent(new Event("input")); }
});
document.getElementById("next").addEventListener("click", () => go(1));
document.getElementById("previous").addEventListener("click", () => go(-1));
document.getElementById("only").addEventListener("change", (event) => log.classList.toggle("only", event.target.checked));
document.getElementById("wrap").addEventListener("change", (event) => log.classList.toggle("wrap", event.target.checked));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); search.select(); }
});

const shown = log.textContent;
log.replaceChildren();
append(shown);
document.getElementById("tools").hidden = false;
if (log.dataset.source) keepRunning();
