// Copyright (c) 2026, labops.cloudresearch contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What search, filters and sorting look at

const titleOf = (code) => (Object.hasOwn(words.findings, code) ? words.findings[code] : "");
const searchText = (lab) => [
  lab.lab, lab.account_id, lab.department, lab.contact, words.states[lab.state][0], lab.user ? lab.user.name : "", lab.user ? lab.user.arn : "",
  ...lab.steps.flatMap((step) => [step.message, step.reason]),
  ...lab.access_keys.map((key) => key.access_key_id),
  ...lab.account_keys.flatMap((key) => [key.access_key_id, key.principal]),
  ...lab.findings.flatMap((finding) => [finding.code, titleOf(finding.code), finding.severity, finding.message]),
  ...lab.drift.flatMap((entry) => [entry.code, entry.message]),
  ...lab.next_steps.map((step) => step.text),
  ...lab.not_looked_for.flatMap((entry) => [entry.code, titleOf(entry.code), entry.why]),
  ...lab.unseen.flatMap((entry) => [entry.message, entry.reason]),
  ...lab.retired_keys.map((key) => key.access_key_id),
].join("\n").toLowerCase();
const rank = (lab) => {
  const counts = SEVERITIES.map((severity) => lab.findings.filter((finding) => finding.severity === severity).length);
  return counts.reduce((sum, count) => sum * 100 + Math.min(count, 99), 0);
};
// What the table shows decides, as numbers where its cells say them in words.
const number = (name) => (lab, place) => (name in rows[place].dataset ? Number(rows[place].dataset[name]) : null);
const cellText = (name) => (lab, place) => {
  const cell = rows[place].querySelector(`.c-${name}`);
  return cell.querySelector(".none") ? null : cell.textContent.toLowerCase();
};
const sortValue = {
  lab: (lab, place) => place,
  state: (lab) => STATES.indexOf(lab.state),
  findings: rank,
  key: cellText("key"),
  whose: cellText("whose"),
  department: (lab) => lab.department.toLowerCase() || null,
  use: number("use"),
  age: number("age"),
  balance: number("balance"),
};
const fits = {
  state: (lab, value) => lab.state === value,
  department: (lab, value) => lab.department === value.slice(1),
  link: (lab, value) => lab.link.status === value,
  mturk: (lab, value) => {
    const [environment, status] = value.split(":");
    return lab.requester[environment].status === status;
  },
  step: (lab, value) => {
    const [name, status] = value.split(":");
    return lab.steps.some((step) => step.name === name && step.status === status);
  },
  finding: (lab, value) => {
    if (value === "none") return lab.findings.length === 0;
    const field = value.slice(0, value.indexOf(":"));
    const wanted = value.slice(value.indexOf(":") + 1);
    return lab.findings.some((finding) => finding[field] === wanted);
  },
};

// The table

const body = byId("rows");
const rows = [...body.querySelectorAll("tr[data-lab]")];
const texts = labs.map(searchText);
const search = byId("search");
const selects = [...document.querySelectorAll("select[data-name]")];
const heads = [...document.querySelectorAll("th .sort")];
let order = labs.map((lab, place) => place);
let shownAtMost = LABS_A_PAGE;
let fitting = order;

const filtered = () => search.value.trim() !== "" || selects.some((select) => select.value !== "");

const show = () => {
  const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = selects.filter((select) => select.value !== "");
  selects.forEach((select) => select.classList.toggle("active", select.value !== ""));
  fitting = order.filter((place) => terms.every((term) => texts[place].includes(term))
    && chosen.every((select) => fits[select.dataset.name](labs[place], select.value)));
  const visible = new Set(fitting.slice(0, shownAtMost));
  rows.forEach((row, place) => {
    const hidden = !visible.has(place);
    if (row.hidden === hidden) return; // touching a row costs, even with what it has already
    row.hidden = hidden;
    if (details.has(place)) details.get(place).hidden = hidden;
  });
  const total = labs.length.toLocaleString("en");
  const found = fitting.length.toLocaleString("en");
  const beyond = fitting.length - visible.size;
  byId("count").textContent = `${filtered() ? `${found} of ${total} labs` : `${total} ${labs.length === 1 ? "lab" : "labs"}`}`
    + `${beyond > 0 ? `, the first ${visible.size} shown` : ""}`;
  byId("clear").hidden = !filtered();
  byId("no-result").hidden = fitting.length > 0;
  const more = byId("more");
  more.hidden = beyond <= 0;
  more.textContent = `Show all ${found}`;
};

const showFromStart = () => {
  shownAtMost = LABS_A_PAGE;
  show();
};

const sortBy = (button, descending) => {
  const value = sortValue[button.dataset.sort];
  const values = labs.map(value);
  const sign = descending ? -1 : 1;
  // What has no value comes last either way; equals keep the labs' own order.
  order = labs.map((lab, place) => place).sort((a, b) => {
    if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null) || a - b;
    if (values[a] === values[b]) return a - b;
    return values[a] < values[b] ? -sign : sign;
  });
  heads.forEach((head) => head.closest("th").removeAttribute("aria-sort"));
  button.closest("th").setAttribute("aria-sort", descending ? "descending" : "ascending");
  const sorted = document.createDocumentFragment();
  order.forEach((place) => {
    sorted.append(rows[place]);
    if (details.has(place)) sorted.append(details.get(place));
  });
  body.append(sorted);
  show();
};
