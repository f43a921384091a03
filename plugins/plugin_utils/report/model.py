# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the outcomes of a run to the report: the JSON file's content, from which HTML and CSV are drawn.

Every field of a report is named here. What an outcome holds besides is left out, so that nothing that somebody adds
to an outcome later reaches a report without being thought about.
"""

from __future__ import annotations

import collections
import datetime
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times, vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import guard

SCHEMA = 1

Json = dict[str, t.Any]

OPERATIONS = ("onboard", "audit", "rotate", "retire")
STATES = ("failed", "waiting_for_person", "drifted", "changed", "converged")  # what needs eyes first comes first
STEP_STATUSES = ("failed", "waiting", "to_do", "changed", "ok", "skipped", "not_run")
REQUESTER_STATUSES = (
    "linked",
    "not_linked",
    "invalid_credentials",
    "access_denied",
    "temporary_credentials",
    "throttled",
    "unreachable",
    "error",
    "not_checked",
)
KEY_STATUSES = ("Active", "Inactive")

# Nothing else may become a link in the page: a javascript: address in an outcome stays text.
_URL = re.compile(r"https?://[^\s\"'<>`\\]+\Z", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@\"'<>(),:;\\?&%#]+@[^\s@\"'<>(),:;\\?&%#]+\Z")
# C0 and C1 control characters other than tab and newline break XML, terminals and spreadsheets; so do lone surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

NO_OUTCOME = (
    "The run ended for this lab before it had an outcome: it was unreachable, or a task outside the role failed."
)


def build(
    outcomes: t.Sequence[t.Mapping[str, t.Any]],
    *,
    title: str,
    now: datetime.datetime,
    missing_labs: t.Sequence[str] = (),
    contacts: t.Mapping[str, str] | None = None,
) -> Json:
    """The report about C(outcomes), without a comparison (see C(compare)).

    :param outcomes: one outcome a lab.
    :param title: the page's heading.
    :param now: when the report is made.
    :param missing_labs: labs of the run that have no outcome; they count as failed.
    :param contacts: by lab, the e-mail address that next steps for people go to.
    :raises CollectionError: something in it looks like a secret.
    """
    addresses = contacts or {}
    labs = [_lab(outcome, addresses) for outcome in outcomes]
    labs += [_lab_without_outcome(name, addresses) for name in missing_labs]
    _make_names_unique(labs)
    labs.sort(key=lambda lab: _natural(lab["lab"]))
    for lab in labs:
        guard.refuse_secrets(lab, lab=lab["lab"])
    started = [lab["started"] for lab in labs if lab["started"]]
    finished = [lab["finished"] for lab in labs if lab["finished"]]
    report: Json = {
        "schema": SCHEMA,
        "title": _text(title),
        "generated": times.timestamp(now),
        "started": min(started, default=""),
        "finished": max(finished, default=""),
        "operations": [name for name in OPERATIONS if any(lab["operation"] == name for lab in labs)],
        "check_mode": any(lab["check_mode"] for lab in labs),
        "summary": summarise(labs),
        "labs": labs,
        "comparison": None,
    }
    guard.refuse_secrets(report["title"], path="title")
    return report


def worst_severity(lab: t.Mapping[str, t.Any]) -> str:
    """The severity of a lab's worst finding; empty when it has none."""
    severities = [finding["severity"] for finding in lab["findings"]]
    return min(severities, key=finding_kinds.SEVERITIES.index, default="")


def live_keys(lab: t.Mapping[str, t.Any]) -> list[Json]:
    """The lab's active keys, the current one first."""
    keys = [key for key in lab["access_keys"] if key["status"] == "Active"]
    return sorted(keys, key=lambda key: key["slot"] != "current")


def summarise(labs: t.Sequence[Json]) -> Json:
    """Counts over all labs."""
    keys = [key for lab in labs for key in live_keys(lab)]
    return {
        "labs": len(labs),
        "states": _count(STATES, (lab["state"] for lab in labs)),
        "findings": _count(
            finding_kinds.SEVERITIES, (finding["severity"] for lab in labs for finding in lab["findings"])
        ),
        "drifted_labs": sum(1 for lab in labs if lab["drift"]),
        "next_steps": _count(("person", "operator"), (step["who"] for lab in labs for step in lab["next_steps"])),
        "live_keys": {
            "total": len(keys),
            "stored": sum(1 for key in keys if key["owner"] != "foreign" and key["stored"] is True),
            "not_stored": sum(1 for key in keys if key["owner"] != "foreign" and key["stored"] is False),
            "foreign": sum(1 for key in keys if key["owner"] == "foreign"),
            "not_known": sum(1 for key in keys if key["owner"] != "foreign" and key["stored"] is None),
        },
        "requester": {
            environment: _count(REQUESTER_STATUSES, (lab["requester"][environment]["status"] for lab in labs))
            for environment in vocabulary.ENVIRONMENTS
        },
        "link": _count(vocabulary.LINK_STATUSES, (lab["link"]["status"] for lab in labs)),
    }


def _lab(outcome: t.Mapping[str, t.Any], contacts: t.Mapping[str, str]) -> Json:
    name = _text(outcome.get("lab")) or _text(outcome.get("account_id")) or "(no name)"
    requester = _mapping(outcome.get("requester"))
    lab: Json = {
        "lab": name,
        "contact": _email(contacts.get(name)),
        "account_id": _text(outcome.get("account_id")),
        "operation": _word(outcome.get("operation"), OPERATIONS, ""),
        "check_mode": outcome.get("check_mode") is True,
        "state": _word(outcome.get("state"), STATES, "failed"),
        "steps": [],
        "next_steps": [_next_step(step) for step in _mappings(outcome.get("next_steps"))],
        "drift": [
            {field: _text(entry.get(field)) for field in ("code", "message", "next_step")}
            for entry in _mappings(outcome.get("drift"))
        ],
        "findings": sorted(
            (_finding(finding) for finding in _mappings(outcome.get("findings"))),
            key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"]),
        ),
        "user": _user(outcome.get("user")),
        "access_keys": [_key(key) for key in _mappings(outcome.get("access_keys"))],
        "requester": {environment: _environment(requester.get(environment)) for environment in vocabulary.ENVIRONMENTS},
        "link": _link(outcome.get("link")),
        "started": _time(outcome.get("started")),
        "finished": _time(outcome.get("finished")),
    }
    lab["steps"] = _steps(outcome, lab)
    return lab


def _lab_without_outcome(name: str, contacts: t.Mapping[str, str]) -> Json:
    steps = [{"name": "observe", "status": "failed", "message": NO_OUTCOME, "reason": "no_outcome"}]
    advice = "Read the run's output for this lab, then run it again with --limit."
    step = {"step": "observe", "who": "operator", "text": advice, "url": ""}
    return _lab({"lab": name, "state": "failed", "steps": steps, "next_steps": [step]}, contacts)


def _steps(outcome: t.Mapping[str, t.Any], lab: Json) -> list[Json]:
    """All steps of the flow in order. An audit takes no step: where one would be taken, it is still to do."""
    given = {_text(step.get("name")): step for step in _mappings(outcome.get("steps"))}
    missing = outcome.get("missing")
    steps = []
    for name in vocabulary.STEPS:
        step = given.get(name, {})
        status = _word(step.get("status"), STEP_STATUSES, "not_run")
        message = _text(step.get("message"))
        if isinstance(missing, (list, tuple)) and lab["user"] is not None:
            if status == "not_run":
                status = "to_do" if name in missing else "ok"
            elif status == "skipped" and name in missing and lab["operation"] == "audit":
                status = "to_do"
        elif status == "skipped" and message and lab["operation"] == "audit":
            status = "to_do"  # the outcome has no list of missing steps; it says why the step would be taken
        steps.append({"name": name, "status": status, "message": message, "reason": _text(step.get("reason"))})
    return steps


def _next_step(step: t.Mapping[str, t.Any]) -> Json:
    url = _text(step.get("url"))
    return {
        "step": _text(step.get("step")),
        "who": _word(step.get("who"), ("person", "operator"), "operator"),
        "text": _text(step.get("text")),
        "url": url if _URL.match(url) else "",
    }


def _finding(finding: t.Mapping[str, t.Any]) -> Json:
    return {
        "code": _text(finding.get("code")),
        "severity": _word(finding.get("severity"), finding_kinds.SEVERITIES, "info"),
        "message": _text(finding.get("message")),
        "next_step": _text(finding.get("next_step")),
        "access_key_id": _text(finding.get("access_key_id")),
    }


def _user(value: t.Any) -> Json | None:
    if not isinstance(value, collections.abc.Mapping) or not value:
        return None
    # No tags: they are free text that a lab's people may fill with anything.
    return {
        "exists": value.get("exists") is True,
        "name": _text(value.get("name")),
        "arn": _text(value.get("arn")),
        "managed": value.get("managed") is True,
        "attached_policies": _texts(value.get("attached_policies")),
        "inline_policies": _texts(value.get("inline_policies")),
        "groups": _texts(value.get("groups")),
        "console_access": value.get("console_access") is True,
        "created": _time(value.get("created")),
    }


def _key(key: t.Mapping[str, t.Any]) -> Json:
    age = key.get("age_days")
    return {
        "access_key_id": _text(key.get("access_key_id")),
        "status": _word(key.get("status"), KEY_STATUSES, ""),
        "created": _time(key.get("created")),
        "age_days": int(age) if isinstance(age, int) and not isinstance(age, bool) else None,
        "last_used": _time(key.get("last_used")),
        "last_used_service": _text(key.get("last_used_service")),
        "owner": _word(key.get("owner"), ("ours", "foreign"), ""),
        "stored": key.get("stored") if isinstance(key.get("stored"), bool) else None,
        "slot": _word(key.get("slot"), ("current", "pending", "superseded"), ""),
    }


def _environment(value: t.Any) -> Json:
    answer = _mapping(value)
    return {
        "status": _word(answer.get("status"), REQUESTER_STATUSES, "not_checked"),
        "linked": answer.get("linked") is True,
        "available_balance": _amount(answer.get("available_balance")),
        "on_hold_balance": _amount(answer.get("on_hold_balance")),
        "error_code": _text(answer.get("error_code")),
        "message": _text(answer.get("message")),
        "next_step": _text(answer.get("next_step")),
    }


def _link(value: t.Any) -> Json:
    link = _mapping(value)
    return {
        "status": _word(link.get("status"), vocabulary.LINK_STATUSES, "unknown"),
        "access_key_id": _text(link.get("access_key_id")),
        "evidence": _word(link.get("evidence"), ("page", "record", "submission", "key_use"), ""),
        "message": _text(link.get("message")),
    }


def _make_names_unique(labs: list[Json]) -> None:
    seen: collections.Counter[str] = collections.Counter()
    for lab in labs:
        name = lab["lab"]
        seen[name] += 1
        if seen[name] > 1:
            lab["lab"] = f"{name} #{seen[name]}"


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts C(lab-2) before C(lab-10)."""
    parts = re.findall(r"\d{1,18}|\D+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts)


def _count(words: t.Iterable[str], seen: t.Iterable[str]) -> dict[str, int]:
    counter = collections.Counter(seen)
    return {word: counter[word] for word in words}


def _text(value: t.Any) -> str:
    if value is None or isinstance(value, (dict, list, tuple)):
        return ""
    # str() of a subclass (Ansible marks where text came from) is not always plain str; join makes one.
    return _UNPRINTABLE.sub("\ufffd", "".join(str(value)))


def _texts(value: t.Any) -> list[str]:
    return [_text(item) for item in value] if isinstance(value, (list, tuple)) else []


def _word(value: t.Any, words: t.Sequence[str], otherwise: str) -> str:
    return next((word for word in words if word == value), otherwise)


def _mapping(value: t.Any) -> t.Mapping[str, t.Any]:
    return value if isinstance(value, collections.abc.Mapping) else {}


def _mappings(value: t.Any) -> list[t.Mapping[str, t.Any]]:
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if isinstance(item, collections.abc.Mapping)]


def _time(value: t.Any) -> str:
    moment = times.parse_time(value)
    return times.timestamp(moment) if moment else ""


def _amount(value: t.Any) -> str | None:
    text = _text(value)
    return text if re.fullmatch(r"-?\d{1,12}(\.\d{1,4})?", text) else None


def _email(value: t.Any) -> str:
    text = _text(value)
    return text if _EMAIL.match(text) else ""
