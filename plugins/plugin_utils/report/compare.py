# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed from one report to the next."""

from __future__ import annotations

import copy
import json
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import model

Json = model.Json
Found = dict[tuple[str, str, str], Json]
Steps = dict[tuple[str, str, str], Json]


def compare(previous: Json, current: Json) -> Json:
    """The differences from C(previous) to C(current), both reports of C(model.build).

    Only labs that are in both are compared; the others are listed as new or as no longer in the report.
    """
    before = {lab["lab"]: lab for lab in previous["labs"]}
    after = {lab["lab"]: lab for lab in current["labs"]}
    both = [name for name in after if name in before]
    pairs = [(name, before[name], after[name]) for name in both]
    found_before, found_after = _findings(before, both), _findings(after, both)
    steps_before, steps_after = _next_steps(before, both), _next_steps(after, both)
    return {
        "previous_generated": previous["generated"],
        "previous_labs": len(before),
        "labs_new": [name for name in after if name not in before],
        "labs_gone": [name for name in before if name not in after],
        "states": [
            {"lab": name, "before": old["state"], "after": new["state"]}
            for name, old, new in pairs
            if old["state"] != new["state"]
        ],
        "findings_new": _by_severity(found for key, found in found_after.items() if key not in found_before),
        "findings_gone": _by_severity(found for key, found in found_before.items() if key not in found_after),
        "access_keys": [change for name, old, new in pairs for change in _keys(name, old, new)],
        "requester": [
            {
                "lab": name,
                "environment": environment,
                "before": old["requester"][environment]["status"],
                "after": new["requester"][environment]["status"],
            }
            for name, old, new in pairs
            for environment in vocabulary.ENVIRONMENTS
            if old["requester"][environment]["status"] != new["requester"][environment]["status"]
        ],
        "link": [
            {"lab": name, "before": old["link"]["status"], "after": new["link"]["status"]}
            for name, old, new in pairs
            if old["link"]["status"] != new["link"]["status"]
        ],
        "balances": [change for name, old, new in pairs for change in _balance(name, old, new)],
        "next_steps_new": [step for key, step in steps_after.items() if key not in steps_before],
        "next_steps_done": [step for key, step in steps_before.items() if key not in steps_after],
    }


def is_empty(comparison: Json) -> bool:
    """Whether a comparison found no difference."""
    return not any(isinstance(value, list) and value for value in comparison.values())


def fingerprint(report: Json) -> str:
    """The report as text without anything that differs between two runs that saw the same."""
    essence = copy.deepcopy({name: report[name] for name in report if name not in ("generated", "started", "finished")})
    for lab in essence["labs"]:
        del lab["started"], lab["finished"]
    essence["comparison"] = None
    return json.dumps(essence, sort_keys=True)


def _findings(labs: dict[str, Json], names: list[str]) -> Found:
    # Messages name ages and balances, which move every day: the same code about the same key is the same finding.
    return {
        (name, finding["code"], finding["access_key_id"]): {
            "lab": name,
            "code": finding["code"],
            "severity": finding["severity"],
            "access_key_id": finding["access_key_id"],
        }
        for name in names
        for finding in labs[name]["findings"]
    }


def _next_steps(labs: dict[str, Json], names: list[str]) -> Steps:
    return {
        (name, step["step"], step["who"]): {"lab": name, "step": step["step"], "who": step["who"], "text": step["text"]}
        for name in names
        for step in labs[name]["next_steps"]
    }


def _by_severity(found: t.Iterable[Json]) -> list[Json]:
    return sorted(found, key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"]))


def _keys(name: str, old: Json, new: Json) -> list[Json]:
    before = {key["access_key_id"]: key["status"] for key in old["access_keys"]}
    after = {key["access_key_id"]: key["status"] for key in new["access_keys"]}
    changes = []
    for key_id in [*after, *(key_id for key_id in before if key_id not in after)]:
        if before.get(key_id, "") != after.get(key_id, ""):
            changes.append(
                {"lab": name, "access_key_id": key_id, "before": before.get(key_id, ""), "after": after.get(key_id, "")}
            )
    return changes


def _balance(name: str, old: Json, new: Json) -> list[Json]:
    # The sandbox always answers 10000.00, so only production's money is worth telling.
    before = old["requester"]["production"]["available_balance"]
    after = new["requester"]["production"]["available_balance"]
    if before == after or before is None or after is None:
        return []
    return [{"lab": name, "before": before, "after": after}]
