# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings as events of the Open Cybersecurity Schema Framework, for what security teams collect them with.

Each finding of a lab is one Detection Finding (class 2004) of the schema's version 1.5 (https://schema.ocsf.io), with
the profile "cloud".
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ..base import vocabulary
from ..base.times import moment
from ..lab.shapes import Finding
from . import labels
from .model import Lab, Report

NAME = "ocsf.json"
VERSION = "1.5.0"

_CATEGORY = 2  # Findings
_CLASS = 2004  # Detection Finding
_CREATE = 1
_NEW = 1
_AWS_ACCOUNT = 10
_SEVERITIES = {
    "info": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}

Event = dict[str, t.Any]  # as the schema names its attributes


def to_json(report: Report) -> str:
    """All findings as a JSON list of events; the same report always gives the same text."""
    events = [_event(report, lab, finding) for lab in report["labs"] for finding in lab["findings"]]
    return json.dumps(events, indent=1, ensure_ascii=False) + "\n"


def _event(report: Report, lab: Lab, finding: Finding) -> Event:
    number, caption = _SEVERITIES[finding["severity"]]
    seen = _milliseconds(lab["finished"] or report["generated"])
    event: Event = {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + _CREATE,
        "type_name": "Detection Finding: Create",
        "time": seen,
        "severity_id": number,
        "severity": caption,
        "status_id": _NEW,
        "status": "New",
        "message": finding["message"],
        "metadata": {
            "version": VERSION,
            "product": {"name": vocabulary.COLLECTION, "vendor_name": vocabulary.COLLECTION},
            "profiles": ["cloud"],
            "event_code": finding["code"],
        },
        "finding_info": {
            "uid": _identity(lab, finding),
            "title": labels.finding_title(finding["code"]),
            "desc": labels.finding_meaning(finding["code"]) or finding["message"],
            "types": [finding["code"]],
            "created_time": seen,
        },
        "cloud": {
            "provider": "AWS",
            "account": {
                "uid": lab["account_id"],
                "name": lab["lab"],
                "type_id": _AWS_ACCOUNT,
                "type": "AWS Account",
            },
        },
        "resources": _resources(lab, finding),
    }
    if finding["next_step"]:
        event["remediation"] = {"desc": finding["next_step"]}
    return event


def _resources(lab: Lab, finding: Finding) -> list[Event]:
    key_id = finding["access_key_id"]
    if not key_id:
        user = lab["user"]
        return [{"type": "AwsIamUser", "uid": user["arn"], "name": user["name"]}] if user and user["arn"] else []
    principal = next((key["principal"] for key in lab["account_keys"] if key["access_key_id"] == key_id), "")
    key: Event = {"type": "AwsIamAccessKey", "uid": key_id}
    return [key, *([{"type": "AwsIamUser", "uid": principal}] if principal else [])]


def _identity(lab: Lab, finding: Finding) -> str:
    """The same for the same finding in each report, so that whoever collects them can tell new ones from old ones."""
    parts = [lab["account_id"] or lab["lab"], finding["code"], finding["access_key_id"]]
    if not finding["access_key_id"]:
        # Findings about other things name them in their message only, and it may name ages, too.
        same = [each for each in lab["findings"] if each["code"] == finding["code"] and not each["access_key_id"]]
        parts.append(str(same.index(finding)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _milliseconds(text: str) -> int:
    return int(moment(text).timestamp()) * 1000
