# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import pathlib
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, collect, files, merge

OPTIONS: dict[str, dict[str, t.Any]] = {
    "directory": {"type": "path", "required": True},
    "name": {"type": "str", "default": "fleet-report"},
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

# Where the labs come from: one of these.
SOURCES = ("labs", "outcomes", "merge")


class ActionModule(ActionBase):
    """Writes the fleet's report on the control node, from the outcomes that the labs' hosts registered."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            argument_spec=OPTIONS, mutually_exclusive=[SOURCES], required_one_of=[SOURCES]
        )
        try:
            return {**result, **self._report(options, task_vars or {})}
        except CollectionError as exc:
            return {**result, "changed": False, **exc.as_result(), "failed": True}

    def _report(self, options: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        place = files.Place(
            directory=pathlib.Path(options["directory"]).absolute(),
            name=options["name"],
            formats=tuple(name for name in files.FORMATS if name in options["formats"]),
            mode=_permissions(options["mode"]),
            keep_earlier=options["keep_earlier"],
            letters=options["letters"],
        )
        contacts = {str(lab): str(address) for lab, address in options["contacts"].items()}
        collected = collect.Collected(outcomes=options["outcomes"] or [], contacts=contacts)
        if options["merge"] is not None:
            labs, found = merge.labs_of(merge.find(options["merge"], place))
            collected = collect.Collected(outcomes=list(labs), contacts={**found, **contacts})
        elif options["outcomes"] is None:
            collected = collect.from_hosts(
                options["labs"],
                task_vars.get("hostvars") or {},
                contacts=contacts,
                contact_variable=options["contact_variable"],
                department_variable=options["department_variable"],
            )
        report = build.build(
            collected.outcomes,
            title=options["title"],
            now=datetime.datetime.now(datetime.UTC),
            not_begun=collected.not_begun,
            interrupted=collected.interrupted,
            contacts=collected.contacts,
            departments=collected.departments,
        )
        previous = pathlib.Path(options["previous"]) if options["previous"] else None
        writing = files.prepare(report, place, previous)
        if not self._task.check_mode:
            files.write(writing, place)
        result: dict[str, t.Any] = {
            "changed": bool(writing.changed or writing.outdated),
            "files": {name: str(place.path(name)) for name in writing.contents},
            "changed_files": [str(place.path(name)) for name in writing.changed],
            "summary": writing.report["summary"],
            "generated": writing.report["generated"],
            "warnings": list(writing.warnings),
        }
        if self._task.diff:
            result["diff"] = {
                "before": files.describe(writing.earlier),
                "after": files.describe(writing.report),
                "before_header": f"{place.directory / place.name} (labs)",
                "after_header": f"{place.directory / place.name} (labs)",
            }
        return result


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
