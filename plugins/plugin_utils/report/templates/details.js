// Copyright (c) 2026, labops.cloudresearch contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

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
