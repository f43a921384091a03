// Copyright (c) 2026, labops.cloudresearch contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Ready-to-send texts and the checklist's ticks

const toast = make("div", "toast");
toast.setAttribute("role", "status");
document.body.append(toast);
let toastEnds;
const tell = (text) => {
  toast.textContent = text;
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => { toast.textContent = ""; }, 4000);
};

const copyByHand = (text) => {
  const area = make("textarea", "sr", text);
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
};
const copy = async (text) => {
  let copied;
  try {
    await navigator.clipboard.writeText(text);
    copied = true;
  } catch {
    copied = copyByHand(text); // pages opened from a disk may lack the clipboard
  }
  tell(copied ? "Copied." : "The browser did not let the page copy; select the text instead.");
};

// Ticks stay in this browser, for as long as the step stays the same.
const TICKS = "labops.cloudresearch.ticks";
const ticks = (() => {
  try {
    return new Set(JSON.parse(localStorage.getItem(TICKS) || "[]"));
  } catch {
    return new Set();
  }
})();
document.querySelectorAll(".todo-step input").forEach((box) => {
  box.checked = ticks.has(box.dataset.key);
  box.addEventListener("change", () => {
    ticks[box.checked ? "add" : "delete"](box.dataset.key);
    try {
      localStorage.setItem(TICKS, JSON.stringify([...ticks]));
    } catch {
      // Without storage the tick lasts until the page is closed.
    }
  });
});

document.querySelectorAll(".todo, .parties").forEach((todo) => {
  const beyond = [...todo.children].slice(TODOS_A_PAGE);
  if (!beyond.length) return;
  beyond.forEach((item) => { item.hidden = true; });
  const button = make("button", "quiet", `Show all ${todo.children.length.toLocaleString("en")}`);
  button.type = "button";
  button.addEventListener("click", () => {
    beyond.forEach((item) => { item.hidden = false; });
    beyond[0].querySelector("button, a, input").focus();
    button.parentElement.remove();
  });
  todo.after(make("p", "todo-more", button));
});
