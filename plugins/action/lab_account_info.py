# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options as aws_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import outcome, role_variables
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import warm_up as portal_warm_up
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import lab_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import record as lab_record

direct_execution.preload("ansible_collections.labops.cloudresearch.plugins.modules.lab_account_info")
direct_execution.preload("ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.ansible_vault")
direct_execution.warm_up_botocore()
portal_warm_up.warm_up_portal()
role_variables.argument_spec()


class ActionModule(direct_execution.DirectExecution):
    """Reads the lab's record from the store on the control node, then runs the module of the same name with it."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Observe the lab; for the role, also say how it came out if there is nothing to do."""
        task_vars = task_vars or {}
        result: dict[str, t.Any] = super(direct_execution.DirectExecution, self).run(tmp, task_vars)
        args = aws_options.without_aliases(self._task.args)
        operation = args.pop("operation", None)
        confirmed = True
        try:
            if boolean(args.pop("role_variables", False)):
                variables = role_variables.read(task_vars, self._templar)
                args = {**role_variables.as_options(variables), **args}
                operation = args.pop("operation", operation)
                result["derived"] = role_variables.derive(variables)
                confirmed = role_variables.retirement_confirmed(variables, task_vars, self._templar)
            if args.get("store") is not None:
                with direct_execution.task_environment(self):
                    args.update(self._stored(args, str(operation or "")))
        except CollectionError as exc:
            exc.step = exc.step or "observe"
            return {**result, **exc.as_result(), "failed": True}
        result.update(self.execute(self._task.action, args, task_vars))
        lab = result.get("lab_account")
        if lab and lab["missing"] and not confirmed and not self._task.check_mode:
            result.update(_not_confirmed(lab["lab"]).as_result(), failed=True)
        elif operation and lab:
            self._conclude(str(operation), lab, result)
        return result

    def _stored(self, args: dict[str, t.Any], operation: str) -> dict[str, t.Any]:
        """The store's record as module options: what is public, and the secrets apart."""
        options = dict(args)
        del args["store"]
        lab = str(args.get("lab"))
        try:
            store = lab_store.open_lab_store(options, self._loader)
            record = store.get(lab).record
        except CollectionError as exc:
            if operation != "audit":
                raise
            # An audit says what it could see, and what it could not.
            return {"store_error": exc.message}
        if record is None:
            if operation in ("onboard", "rotate") and args.get("state") != "absent":
                # Nothing is made in AWS for a store that would not take the key.
                store.check(lab)
            return {}
        if boolean(args.get("judge_key_use", False), strict=False) and not self._task.check_mode:
            lab_store.note_own_use(store, lab)
        data, secrets = lab_record.split_secrets(record)
        return {"store_record": data, "stored_secrets": secrets}

    def _conclude(self, operation: str, lab: dict[str, t.Any], result: dict[str, t.Any]) -> None:
        blocked = lab["blocked"]
        if blocked and operation != "audit":
            # Nothing that could be known before is left to find out half-way.
            result.update(
                CollectionError(
                    blocked["message"],
                    next_step=blocked["next_step"],
                    reason=blocked["reason"],
                    step=blocked["step"],
                ).as_result(),
                failed=True,
            )
        elif operation == "audit" or not lab["missing"]:
            result["ansible_facts"] = {
                "lab_account_outcome": outcome.compose(
                    operation=operation,
                    lab=lab["lab"],
                    account_id=lab["account_id"],
                    observed=lab,
                    results={},
                    check_mode=self._task.check_mode,
                )
            }


def _not_confirmed(lab: str) -> CollectionError:
    return CollectionError(
        f"Lab {lab} is declared absent (lab_account_state), and nobody confirmed that it is to be retired.",
        next_step=(
            f"If it is, run ansible-playbook labops.cloudresearch.retire --limit {lab} -e retire_confirm=1, or give "
            "this run the names of such labs in retire_confirm. If not, set lab_account_state to present."
        ),
        reason="not_confirmed",
        step="observe",
    )
