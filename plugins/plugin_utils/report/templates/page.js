// Copyright (c) 2026, labops.cloudresearch contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Search, sorting, filters and details. Text reaches the page through textContent only, never as markup.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  // As in packing.py: [0, ...] is a list, [number, ...] an object with the names of that number.
  const unpack = ({ names, value }) => {
    const unpacked = (each) => {
      if (!Array.isArray(each)) return each;
      const [number, ...values] = each;
      return number === 0 ? values.map(unpacked)
        : Object.fromEntries(values.map((item, at) => [names[number - 1][at], unpacked(item)]));
    };
    return unpacked(value);
  };
  const report = unpack(read("report-data"));
  const words = read("report-words");
  const labs = report.labs;
  const LABS_A_PAGE = 100;
  const TODOS_A_PAGE = 24;
  const SEVERITIES = Object.keys(words.severities);
  const STATES = Object.keys(words.states);

  document.documentElement.classList.add("js");

  // Building elements

  const make = (tag, className, ...children) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  };
  const isolated = (text) => make("bdi", "", text);
  const tag = (word, tone) => make("span", `tag tag-${tone}`, make("span", `mark mark-${tone}`), word);
  const day = (iso) => (iso ? `${new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
  }).format(new Date(iso))}` : "");

  const moment = (iso) => (iso ? `${day(iso)}, ${iso.slice(11, 16)} UTC` : "");

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

  // A lab's details, made when they are asked for

  const details = new Map();

  const list = (title, items) => (items.length
    ? make("div", "", make("h4", "", title), make("ul", "", ...items.map((item) => make("li", "", ...item)))) : null);

  const keyText = (key) => {
    const owner = { ours: "the lab's", foreign: "a stranger's" }[key.owner] || "of unknown origin";
    const stored = { true: "stored", false: "not stored" }[key.stored] || "not known whether stored";
    const use = key.last_used ? `last used ${day(key.last_used)} for ${key.last_used_service || "an unknown service"}` : (key.last_use_known ? "never used" : "last use not known");
    return [key.status.toLowerCase(), key.slot, owner, stored, `created ${day(key.created) || "at an unknown time"}`, use]
      .filter(Boolean).join(", ");
  };

  const otherKeys = (lab) => {
    const own = new Set(lab.access_keys.map((key) => key.access_key_id));
    return lab.account_keys.filter((key) => !own.has(key.access_key_id) && key.status !== "deleted");
  };
  const otherKeyText = (key) => {
    const right = { yes: "can call MTurk", no: "cannot call MTurk" }[key.mturk_right] || "not known whether it can call MTurk";
    const use = key.last_used ? `last used ${day(key.last_used)} for ${key.last_used_service || "an unknown service"}` : (key.last_use_known ? "never used" : "last use not known");
    return [`of ${key.principal}`, key.status || "state not known", right, use, key.exception && `excepted: ${key.exception}`]
      .filter(Boolean).join(", ");
  };

  const environmentText = (answer) => {
    const money = answer.available_balance === null ? ""
      : `, ${answer.available_balance} US dollars available, ${answer.on_hold_balance ?? "unknown"} on hold`;
    const code = answer.error_code ? ` (${answer.error_code})` : "";
    return `: ${words.requester[answer.status][0]}${code}${money}${answer.message ? `. ${answer.message}` : ""}`;
  };

  const userItems = (user) => {
    if (!user) return [["not seen"]];
    if (!user.exists) return [[`${user.name || "The user"} does not exist`]];
    return [
      [make("code", "", user.arn || user.name)],
      [user.managed ? "created by the collection" : "not created by the collection"],
      ...[["policies", user.attached_policies], ["inline policies", user.inline_policies], ["groups", user.groups]]
        .filter(([, names]) => names === null || names.length)
        .map(([title, names]) => [`${title}: ${names === null ? "not looked at" : names.join(", ")}`]),
      ...(user.console_access ? [["has a console password"]] : []),
      ...(user.console_access === null ? [["console password: not looked at"]] : []),
    ];
  };

  const detailFor = (lab) => {
    const steps = lab.steps.filter((step) => step.status !== "not_run");
    return make("div", "detail-grid",
      list("Findings", lab.findings.map((finding) => [
        tag(finding.severity, words.severities[finding.severity]), ` ${finding.message}`, make("span", "do", finding.next_step),
      ])),
      list("Not seen", lab.unseen.map((entry) => [entry.message, make("span", "do", entry.next_step)])),
      list("Not looked for", lab.not_looked_for.map((entry) => [
        `${titleOf(entry.code) || entry.code}: ${entry.why}`,
      ])),
      list("Steps", steps.map((step) => [
        tag(words.stepStatuses[step.status][0], words.stepStatuses[step.status][1]),
        ` ${words.steps[step.name]}${step.message ? `: ${step.message}` : ""}${step.reason ? ` (${step.reason})` : ""}`,
      ])),
      list("Drift", lab.drift.map((entry) => [entry.message, make("span", "do", entry.next_step)])),
      list("Next steps", lab.next_steps.map((step) => [`${step.text}${step.url ? ` ${step.url}` : ""} (${step.who})`])),
      list("Keys in the account that are not of the lab's user", otherKeys(lab).map((key) => [
        make("code", "", key.access_key_id || "not told by AWS"), ` ${otherKeyText(key)}`])),
      list("Keys", lab.access_keys.map((key) => [make("code", "", key.access_key_id), ` ${keyText(key)}`])),
      list("Retired keys", lab.retired_keys.map((key) => [make("code", "", key.access_key_id),
        ` ${[["deactivated", key.deactivated, key.deactivated_at], ["deleted", key.deleted, key.deleted_at]]
          .filter(([, done]) => done).map(([what, , time]) => `${lab.check_mode ? "would be " : ""}${what} ${moment(time)}`.trim())
          .join(", ")}`])),
      list("MTurk", Object.entries(lab.requester).map(([name, answer]) => [make("b", "", name), environmentText(answer)])),
      list("CloudResearch", [[words.link[lab.link.status][0]
        + `${lab.link.access_key_id ? `, key ${lab.link.access_key_id}` : ""}`
        + `${lab.link.evidence ? `, known from: ${lab.link.evidence.replace("_", " ")}` : ""}`
        + `${lab.link.message ? `. ${lab.link.message}` : ""}`]]),
      list("IAM user", userItems(lab.user)));
  };

  const toggleDetail = (place, button) => {
    const open = details.get(place);
    if (open) {
      open.remove();
      details.delete(place);
    } else {
      const cell = make("td", "", detailFor(labs[place]));
      cell.colSpan = heads.length;
      cell.setAttribute("role", "cell");
      const row = make("tr", "detail", cell);
      row.setAttribute("role", "row");
      rows[place].after(row);
      details.set(place, row);
    }
    button.setAttribute("aria-expanded", String(!open));
  };

  rows.forEach((row, place) => {
    const name = row.querySelector("[data-open]");
    const button = make("button", "open lab-name", isolated(labs[place].lab));
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => toggleDetail(place, button));
    name.replaceWith(button);
  });

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
})();
