// Enhancements: every page works without this script.
"use strict";

// Quiz: count the first answer to each question, and open its explanation.
const play = document.getElementById("play");
if (play) {
  const score = play.querySelector(".score");
  const first = new Map();
  play.addEventListener("change", (event) => {
    const question = event.target.closest(".keyed");
    if (!question) return;
    const option = event.target.closest(".option");
    if (!first.has(question)) first.set(question, option.classList.contains("correct"));
    const explained = question.parentElement.querySelector("details");
    if (explained) explained.open = true;
    const right = [...first.values()].filter(Boolean).length;
    score.hidden = false;
    score.textContent = play.dataset.score.replace("{right}", right).replace("{asked}", first.size);
  });
}

// Live preview: fetch the page for what is typed, and replace #live by that of the answer.
const live = document.getElementById("live");
if (live) {
  const form = document.querySelector("form.query");
  const box = form.querySelector("[name=q]");
  let waiting = 0, asked = null, shown = box.value;
  const show = async () => {
    if (box.value === shown) return;
    shown = box.value;
    if (asked) asked.abort();
    asked = new AbortController();
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) address.searchParams.set(name, value);
    const request = new URL(address);
    request.searchParams.set("live", "1");
    live.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(request, { signal: asked.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const part = page.getElementById("live");
      if (part) live.replaceChildren(...part.childNodes);
      for (const button of live.querySelectorAll("[data-copy]")) button.hidden = false;
      history.replaceState(null, "", address);
      live.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") live.removeAttribute("aria-busy");
    }
  };
  box.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 250); });
}

// Sign-up: send the reader's time zone along.
document.addEventListener("submit", (event) => {
  const zone = event.target.querySelector("[name=timezone]");
  if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
});

// Buttons that copy an address; hidden without this script.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
  } catch { /* no permission: the address beside the button can be selected */ }
});
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
