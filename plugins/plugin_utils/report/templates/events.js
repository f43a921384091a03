// Copyright (c) 2026, labops.cloudresearch contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Events

let frame = 0;
search.addEventListener("input", () => {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(showFromStart);
});
search.form.addEventListener("submit", (event) => event.preventDefault());
selects.forEach((select) => select.addEventListener("change", showFromStart));
heads.forEach((button) => button.addEventListener("click", () => {
  const now = button.closest("th").getAttribute("aria-sort");
  sortBy(button, now ? now === "ascending" : "largestFirst" in button.dataset);
}));
byId("more").addEventListener("click", () => {
  const firstNew = fitting[shownAtMost];
  shownAtMost = Infinity;
  show();
  rows[firstNew].querySelector(".open").focus();
});

const clear = () => {
  search.value = "";
  selects.forEach((select) => { select.value = ""; });
  showFromStart();
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("clear" in button.dataset) {
    clear();
    search.focus();
  } else if (button.dataset.filter) {
    clear();
    byId(`filter-${button.dataset.filter}`).value = button.dataset.value;
    showFromStart();
    byId("labs-heading").focus({ preventScroll: true });
    byId("labs").scrollIntoView();
  } else if (button.dataset.copy) {
    copy(button.dataset.copy);
  } else if (button.dataset.copyAll) {
    const every = document.querySelectorAll(`[data-list="${button.dataset.copyAll}"] [data-copy]`);
    copy([...every].map((each) => each.dataset.copy).join("\n\n"));
  }
});

// On paper there is nothing to click: everything that fits the filters is shown, and what is folded is opened.
let folded = [];
let unprinted = [];
let before = LABS_A_PAGE;
window.addEventListener("beforeprint", () => {
  before = shownAtMost;
  shownAtMost = Infinity;
  show();
  folded = [...document.querySelectorAll("details:not([open]):not(.numbers)")];
  folded.forEach((each) => { each.open = true; });
  unprinted = [...document.querySelectorAll(":is(.todo, .parties) > [hidden]")];
  unprinted.forEach((each) => { each.hidden = false; });
});
window.addEventListener("afterprint", () => {
  shownAtMost = before;
  show();
  folded.forEach((each) => { each.open = false; });
  unprinted.forEach((each) => { each.hidden = true; });
});

showFromStart();
