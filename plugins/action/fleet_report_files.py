# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t

from ansible.plugins.action import ActionBase

from ..plugin_utils.base.errors import CollectionError
from ..plugin_utils.report import collect, files, merge, writing
from ..plugin_utils.report.writing import OPTIONS

# Where the labs come from. With merge, labs says which there should be.
SOURCES = ("labs", "outcomes", "merge")
EXCLUSIVE = [("labs", "outcomes"), ("outcomes", "merge")]


class ActionModule(ActionBase):
    """Writes the fleet's report on the control node, from the outcomes that the labs' hosts registered."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            argument_spec=OPTIONS, mutually_exclusive=EXCLUSIVE, required_one_of=[SOURCES]
        )
        try:
            return {**result, **self._report(options, task_vars or {})}
        except CollectionError as exc:
            return {**result, "changed": False, **exc.as_result(), "failed": True}

    def _report(self, options: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        place = writing.place_of(options)
        collected = _collect(options, place, task_vars.get("hostvars") or {})
        with contextlib.nullcontext() if self._task.check_mode else files.writing_alone(place):
            prepared = writing.prepare(options, place, collected)
            if not self._task.check_mode:
                files.write(prepared, place)
        result: dict[str, t.Any] = {
            "changed": bool(prepared.changed or prepared.outdated),
            "files": {name: str(place.path(name)) for name in prepared.contents},
            "changed_files": [str(place.path(name)) for name in prepared.changed],
            "summary": prepared.report["summary"],
            "generated": prepared.report["generated"],
            "warnings": [*collected.warnings, *prepared.warnings],
        }
        if self._task.diff:
            result["diff"] = {
                "before": files.describe(prepared.earlier),
                "after": files.describe(prepared.report),
                "before_header": f"{place.directory / place.name} (labs)",
                "after_header": f"{place.directory / place.name} (labs)",
            }
        return result


def _collect(
    options: t.Mapping[str, t.Any], place: files.Place, hostvars: t.Mapping[str, collect.Variables]
) -> collect.Collected:
    contacts = writing.contacts_of(options)
    if options["outcomes"] is not None:
        return collect.Collected(outcomes=options["outcomes"], contacts=contacts)
    hosts = options["labs"] or []
    reported: list[collect.Variables] = []
    warnings: list[str] = []
    if options["merge"] is not None:
        labs, found = merge.labs_of(merge.find(options["merge"], place))
        warnings = merge.warnings(labs)
        hosts, reported, contacts = merge.without_report(hosts, labs, hostvars), [*labs], {**found, **contacts}
    collected = collect.from_hosts(
        hosts,
        hostvars,
        contacts=contacts,
        contact_variable=options["contact_variable"],
        department_variable=options["department_variable"],
    )
    if options["merge"] is not None:
        collected.outcomes += reported
        collected.warnings = warnings
        collected.not_begun, collected.not_reported = [], collected.not_begun
    return collected
