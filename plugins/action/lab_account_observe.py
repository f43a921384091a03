# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import shlex
import sys
import typing as t

import ansible
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import connection_loader

from ..plugin_utils.aws import connection
from ..plugin_utils.base import shared_memory
from ..plugin_utils.base.errors import CollectionError, invalid_options
from ..plugin_utils.base.next_command import playbook_command
from ..plugin_utils.lab import claims, declaration, flow, outcome, role_variables
from ..plugin_utils.lab_action import Options, Result, Variables
from ..plugin_utils.observing_action import ObservingAction
from ..plugin_utils.portal.link import account_link
from ..plugin_utils.store import store_class
from ..plugin_utils.store.ansible_vault import warning_about_place

# Strategies load an action in the parent process before they fork, so this is ready in each worker. What a worker
# imports by itself, it compiles anew each time: Ansible keeps no byte code of collections.
connection_loader.get("labops.cloudresearch.aws_account", class_only=True)
store_class("ansible_vault")
connection.warm_up(("iam", "sts", "mturk"))
account_link.warm_up()
shared_memory.keep_through_forks()

# As C(requires_ansible) in meta/runtime.yml, of which Ansible only warns. The role ends itself, which is new in it.
OLDEST_ANSIBLE = (2, 18)


def refuse_old_ansible(version: str) -> None:
    """Refuse to begin what an older ansible-core could not bring to its end.

    :raises CollectionError: C(version), such as C(2.17.14), is too old.
    """
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < OLDEST_ANSIBLE:
        needed, python = ".".join(map(str, OLDEST_ANSIBLE)), shlex.quote(sys.executable)
        raise CollectionError(
            f"This is ansible-core {version}, and the collection needs {needed} or later.",
            next_step=f"Install it where Ansible is: {python} -m pip install 'ansible-core>={needed}'",
            reason="missing_library",
        )


class ActionModule(ObservingAction):
    """Belongs to the role lab_account: validates its variables, observes the lab, concludes if nothing is to be done.

    Takes all of its input from the role's variables. A lab that lacks nothing costs this one task.
    """

    def options(self, task_vars: Variables) -> Options:
        self.validate_argument_spec(argument_spec={})
        self.variables = role_variables.read(task_vars, self._templar)
        return role_variables.as_options(self.variables)

    def work(self, options: Options, task_vars: Variables) -> Result:
        if not self.inside_account:
            raise invalid_options(
                f"The role lab_account works through the connection aws_account, not through "
                f"{self._connection.transport}, so that no task of it can act in another account.",
                "Remove ansible_connection from the extra variables.",
            )
        refuse_old_ansible(ansible.__version__)
        self._refuse_overriding(task_vars)
        operation: str = self.variables["lab_account_operation"]
        if operation == "audit" and self.variables["lab_account_secret_store"] == role_variables.NO_STORE:
            options = {**options, "store": None}
        role_variables.refuse_stray_words(task_vars)
        unknown = role_variables.unknown(task_vars)
        if operation != "audit":
            role_variables.refuse_mistyped(task_vars, retiring=options["state"] == "absent")
        host = str(task_vars.get("inventory_hostname") or options["lab"])
        wants_key = options["state"] in ("present", "rotated")
        problem = self._portal_problem(options, host) if wants_key and operation == "audit" else None
        lab = self.observe(options, operation=operation, portal_problem=problem)
        if wants_key and operation != "audit":
            # To look at a user twice, or to take its keys away, does no harm.
            claims.claim_user(lab["account_id"], options["user_name"], host)
            problem = self._portal_problem(options, host)
            if problem:
                raise problem
        result: Result = {
            "changed": False,
            "derived": role_variables.derive(self.variables),
            "unknown_variables": unknown,
            "lab_account": lab,
        }
        warnings = [*role_variables.warnings(unknown), *declaration.warnings(options)]
        if self.variables["lab_account_ambient_credentials"] and not options["account_id"]:
            warnings.append(
                f"Lab {lab['lab']} is in AWS account {lab['account_id']}, by the control node's credentials."
            )
        sources = task_vars.get("ansible_inventory_sources") or []
        if misplaced := warning_about_place(self.variables["lab_account_secret_store"], sources):
            warnings.append(misplaced)
        if warnings:
            result["warnings"] = warnings
        obstacle = self._obstacle(lab, operation, task_vars)
        if obstacle:
            return {**result, **obstacle.as_result(), "failed": True}
        if operation == "audit" or not lab["missing"]:
            del result["lab_account"]
            result.update(
                outcome.compose(
                    operation=operation,
                    lab=lab["lab"],
                    account_id=lab["account_id"],
                    observed=lab,
                    results={},
                    check_mode=self.check_mode,
                )
            )
            if result["state"] in ("failed", "unknown"):
                # Ansible shows this as the cause where the task fails.
                result["msg"] = result["message"]
                result["failed"] = not self._role_says(task_vars, "__lab_account_verdict_later")
        else:
            result["task_files"] = self._task_files(lab["missing"], task_vars)
        return result

    def _refuse_overriding(self, task_vars: Variables) -> None:
        """Refuse extra variables that make another playbook of a playbook: they go before its own.

        :raises CollectionError: naming the variable.
        """
        own: t.Mapping[str, str] = self._templar.template(task_vars.get("__lab_account_playbook", {}))
        for name, value in own.items():
            if self.variables[name] != value:
                raise invalid_options(
                    f"This playbook works with {name}: {value}, but the extra variables say {self.variables[name]}.",
                    f"Take {name} out of what is given with -e (or in a file with -e @), and run again.",
                )

    @staticmethod
    def _portal_problem(options: Options, host: str) -> CollectionError | None:
        """Why the lab's CloudResearch account cannot be its own, if another host of the run has the same."""
        given = options["cloudresearch"] or {}
        if options["link_check"] == "none" or not given.get("email"):
            return None
        try:
            site = account_link.PortalSettings.from_params(given["options"]).trust.site
            claims.claim_portal_account(site, given["email"], host)
        except CollectionError as exc:
            return exc
        return None

    def _task_files(self, missing: t.Sequence[str], task_vars: Variables) -> list[str]:
        """The files of the role that take the steps which are missing."""
        first_pass = self._role_says(task_vars, "__lab_account_first_pass")
        return flow.files(
            self.variables["lab_account_state"],
            missing,
            # Results of an earlier pass over the lab, in the same run.
            passed_before=bool(flow.results(task_vars)),
            removes_excess=bool(self.variables["lab_account_remove_drift"]),
            # The playbooks wait for people in a pass of its own, after the labs that need nobody.
            waits=self.variables["lab_account_wait_for_person"] > 0 and not first_pass and not self.check_mode,
        )

    def _role_says(self, task_vars: Variables, name: str) -> bool:
        """A switch that the playbooks set for the role."""
        return bool(boolean(self._templar.template(task_vars.get(name, False))))

    def _obstacle(self, lab: t.Mapping[str, t.Any], operation: str, task_vars: Variables) -> CollectionError | None:
        """Why no step may be taken, if so: nothing that can be known before is left to find out half-way."""
        confirmed = role_variables.retirement_confirmed(self.variables, task_vars, self._templar)
        if lab["missing"] and not confirmed and not self.check_mode:
            return CollectionError(
                f"Lab {lab['lab']} is declared absent (lab_account_state), and its retirement was not confirmed.",
                next_step=(
                    f"If it is, run {playbook_command('retire', lab['lab'])}, or give this run the names of such "
                    "labs in retire_confirm. If not, set lab_account_state to present."
                ),
                reason="not_confirmed",
                step="observe",
            )
        blocked = lab["blocked"]
        if blocked and operation != "audit":
            return CollectionError(
                blocked["message"],
                next_step=blocked["next_step"],
                reason=blocked["reason"],
                step=blocked["step"],
            )
        return None
