# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One report from several: what the slices of a fleet, run apart from each other, have to say together."""

from __future__ import annotations

import datetime
import glob
import pathlib
import typing as t

from ..base import times
from ..base.errors import CollectionError
from ..base.vocabulary import OutcomeState
from . import collect, compare, earlier, files, ocsf
from .model import Lab

# Slices that belong together end within this time of each other.
ONE_NIGHT = datetime.timedelta(days=1)


def find(patterns: t.Sequence[str], place: files.Place) -> list[pathlib.Path]:
    """The reports that paths or shell patterns name, without the one in C(place), which is to be made of them.

    :raises CollectionError: one of them names nothing.
    """
    own = {place.path(file_format).absolute() for file_format in files.FORMATS}
    found: dict[pathlib.Path, None] = {}
    for pattern in patterns:
        paths = [
            pathlib.Path(name).absolute() for name in sorted(glob.glob(pattern)) if not name.endswith(f"-{ocsf.NAME}")
        ]
        if not paths:
            raise CollectionError(
                f"There is no report {pattern}.",
                next_step="Name the JSON files of all slices; a slice that wrote none has to be run again.",
            )
        found.update(dict.fromkeys(path for path in paths if path not in own))
    return list(found)


def labs_of(paths: t.Sequence[pathlib.Path]) -> tuple[list[Lab], dict[str, str]]:
    """The labs of these reports, to build a report from, and their addresses by lab.

    A lab that is in more than one is taken from the run that ended last.

    :raises CollectionError: one of the files is no report.
    """
    reports = [earlier.load(path) for path in paths]
    labs = [(_ended(lab, report["generated"]), lab) for report in reports for lab in report["labs"]]
    labs.sort(key=lambda each: each[0], reverse=True)
    kept: dict[str, list[Lab]] = {}
    for _ended_at, lab in labs:
        known = kept.setdefault(lab["lab"], [])
        # Two inventories may call different labs the same.
        if not any(compare.may_be_same_account(lab, other) for other in known):
            known.append(lab)
    found = [lab for known in kept.values() for lab in known]
    return found, {lab["lab"]: lab["contact"] for lab in found if lab["contact"]}


def warnings(labs: t.Iterable[Lab]) -> list[str]:
    """A warning where the labs were looked at on different days: what one report tells may not be so any more."""
    seen = sorted((lab["finished"], lab["lab"]) for lab in labs if lab["finished"])
    if not seen:
        return []
    (oldest, lab), (newest, _lab) = seen[0], seen[-1]
    if times.moment(newest) - times.moment(oldest) <= ONE_NIGHT:
        return []
    return [
        f"The merged reports are of different days: lab {lab} was seen on {oldest[:10]}, the last one on {newest[:10]}."
        " Run the slices of the earlier days again if the report is to show one day."
    ]


def without_report(
    hosts: t.Iterable[str], labs: t.Iterable[Lab], hostvars: t.Mapping[str, collect.Variables]
) -> list[str]:
    """The hosts of which the reports tell nothing.

    :param hostvars: the variables of all hosts; a lab may be called otherwise than its host.
    """
    told = {lab["lab"] for lab in labs}
    return [
        host
        for host in hosts
        if host not in told and (host not in hostvars or hostvars[host].get("lab_account_lab") not in told)
    ]


def _ended(lab: Lab, generated: str) -> str:
    """When a run was done with the lab; empty of one that it did not come to, of which it has nothing to tell.

    A run that was interrupted in the middle of a lab may have changed what an earlier one saw, and tells no time of it.
    """
    left_in_the_middle = not lab["finished"] and lab["state"] == OutcomeState.FAILED
    return generated if left_in_the_middle else lab["finished"]
