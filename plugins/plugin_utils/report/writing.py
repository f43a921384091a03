# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options, as M(labops.cloudresearch.fleet_report_files) has them, to files; also for a run that was cut short."""

from __future__ import annotations

import pathlib
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..base import times
from ..base.errors import CollectionError
from . import build, collect, files

OPTIONS: dict[str, dict[str, t.Any]] = {
    "directory": {"type": "path", "required": True},
    "name": {"type": "str", "default": files.DEFAULT_NAME},
    "title": {"type": "str", "default": "Mechanical Turk keys of the labs"},
    "formats": {"type": "list", "elements": "str", "choices": list(files.FORMATS), "default": list(files.FORMATS)},
    "labs": {"type": "list", "elements": "str"},
    "outcomes": {"type": "list", "elements": "dict"},
    "merge": {"type": "list", "elements": "path"},
    "contacts": {"type": "dict", "default": {}},
    "contact_variable": {"type": "str", "default": "lab_contact_email"},
    "department_variable": {"type": "str", "default": "lab_department"},
    "letters": {"type": "bool", "default": False},
    "previous": {"type": "path"},
    "keep_earlier": {"type": "int", "default": 30},
    "mode": {"type": "str", "default": "0600"},
}

# Validated against these.
Options = t.Mapping[str, t.Any]

# The role fleet_report has a variable of this name for each option.
ROLE_PREFIX = "fleet_report_"
# What a run collects itself.
_SOURCES = ("labs", "outcomes", "merge")


def place_of(options: Options) -> files.Place:
    """Where the files go.

    :param options: validated against C(OPTIONS).
    :raises CollectionError: the name or the permissions are none.
    """
    return files.Place(
        directory=pathlib.Path(options["directory"]).absolute(),
        name=options["name"],
        formats=tuple(name for name in files.FORMATS if name in options["formats"]),
        mode=_permissions(options["mode"]),
        keep_earlier=options["keep_earlier"],
        letters=options["letters"],
    )


def contacts_of(options: Options) -> dict[str, str]:
    """By lab, the addresses that the options give."""
    return {str(lab): str(address) for lab, address in options["contacts"].items()}


def prepare(options: Options, place: files.Place, collected: collect.Collected) -> files.Writing:
    """Decide what to write about what was collected; writes nothing.

    :param collected: is empty of outcomes afterwards: those of thousands of labs take more memory than the report.
    :raises CollectionError: the report before it is not one, or cannot be read.
    """
    report = build.build(
        collected.outcomes,
        title=options["title"],
        now=times.now(),
        not_begun=collected.not_begun,
        not_reported=collected.not_reported,
        interrupted=collected.interrupted,
        contacts=collected.contacts,
        departments=collected.departments,
    )
    collected.outcomes.clear()
    return files.prepare(report, place, pathlib.Path(options["previous"]) if options["previous"] else None)


# Why a check that was cut short writes nothing, though one that ends may.
ONLY_FORESEEN = (
    "none: the run would have changed nothing, and a report and a plan about some of its labs could be taken for the "
    "whole; run it again"
)


def is_wanted(variables: collect.Variables) -> bool:
    """Whether a report was asked for."""
    return f"{ROLE_PREFIX}directory" in variables


def write_cut_short(
    labs: t.Sequence[str], at_work: t.Collection[str], hostvars: t.Mapping[str, collect.Variables]
) -> str:
    """Write the report of a run that was cut short, for which Ansible runs no task any more.

    :param at_work: those for which a task was begun.
    :returns: the file for people, or why there is none: what a check foresaw for some labs is no base for a decision.
    :raises CollectionError: a variable of the role C(fleet_report) is wrong, or a file cannot be written.
    """
    variables = hostvars[labs[0]]
    if variables.get("ansible_check_mode"):
        return ONLY_FORESEEN
    names = [name for name in OPTIONS if name not in _SOURCES and f"{ROLE_PREFIX}{name}" in variables]
    checked = ArgumentSpecValidator(OPTIONS).validate({name: variables[f"{ROLE_PREFIX}{name}"] for name in names})
    if checked.error_messages:
        raise CollectionError(f"The variables fleet_report_* are wrong: {'; '.join(checked.error_messages)}.")
    options = checked.validated_parameters
    collected = collect.from_hosts(
        labs,
        hostvars,
        contacts=contacts_of(options),
        contact_variable=options["contact_variable"],
        department_variable=options["department_variable"],
    )
    # A lab's first task registers nothing before it has ended.
    collected.interrupted += [host for host in collected.not_begun if host in at_work]
    collected.not_begun = [host for host in collected.not_begun if host not in at_work]
    place = place_of(options)
    with files.writing_alone(place):
        files.write(prepare(options, place, collected), place)
    return str(place.path(place.parts[0]))


def _permissions(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise CollectionError(
            f"{text!r} is not a file's permissions.", next_step='Give them as octal digits in quotes, such as "0640".'
        )
    return mode
