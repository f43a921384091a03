# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..plugin_utils.base import times
from ..plugin_utils.base.errors import CollectionError
from ..plugin_utils.base.text import printable_values
from ..plugin_utils.base.vocabulary import OutcomeState, Who
from ..plugin_utils.lab import outcome, role_variables
from ..plugin_utils.lab.shapes import Outcome
from ..plugin_utils.lab_action import STORE_ARGUMENT_SPEC, LabAction, Options, Spec, Variables
from ..plugin_utils.lab_action import Result as ActionResult
from ..plugin_utils.plan.carrying_out import PlanRun, Purpose, Result

# By what a run does with a plan, the operation that its outcome is of, and the step of the flow.
OPERATIONS = {Purpose.SUSPEND: "suspend", Purpose.RETIRE: "retire", Purpose.RESTORE: "onboard"}
STEPS = {Purpose.SUSPEND: "retire", Purpose.RETIRE: "retire", Purpose.RESTORE: "access_key"}


class ActionModule(LabAction):
    """Belongs to the role lab_account: does what an approved plan says of the lab's keys, and says how it came out."""

    step = "retire"
    spec: t.ClassVar[Spec] = {
        "purpose": {"type": "str", "choices": [purpose.value for purpose in Purpose], "required": True},
        "lab": {"type": "str", "required": True},
        "account_id": {"type": "str", "required": True},
        "made_at": {"type": "str", "required": True},
        "keys": {"type": "list", "elements": "dict", "required": True, "no_log": False},
        "store": STORE_ARGUMENT_SPEC,
        "retire_after_days": {"type": "int", "default": 0},
        "report_directory": {"type": "path"},
    }

    def work(self, options: Options, task_vars: Variables) -> ActionResult:
        account = self.account(options)
        made_at = times.parse_time(options["made_at"])
        if made_at is None:
            raise CollectionError("made_at is not a time.", next_step="Write it as 2026-01-31T12:00:00Z.")
        if options["retire_after_days"] < 0:
            raise CollectionError("retire_after_days must not be negative.", next_step="Set it to 0 or more.")
        purpose = Purpose(options["purpose"])
        role_variables.refuse_stray_words(task_vars)
        if purpose == Purpose.RETIRE:
            role_variables.refuse_mistyped(task_vars, retiring=True)
        result = PlanRun(
            account,
            lambda: self.store(options, account),
            options["lab"],
            options["account_id"],
            purpose,
            made_at,
            predict=self.check_mode,
            retire_after_days=options["retire_after_days"],
            journal=self.journal(options),
        ).run(options["keys"])
        return self._outcome(options, purpose, result)

    def _outcome(self, options: Options, purpose: Purpose, result: Result) -> ActionResult:
        step = STEPS[purpose]
        taken: dict[str, t.Any] = {
            "changed": bool(result.done),
            "actions": result.done,
            "message": result.in_words(),
            "retired_keys": result.retired_keys,
            "changes": result.changes,
        }
        failure = None
        if result.refused:
            failure = {"msg": taken["message"], "reason": "plan_refused", "step": step, "next_step": result.next_step}
            taken.update(failed=True, **failure)
        composed = outcome.compose(
            operation=OPERATIONS[purpose],
            lab=options["lab"],
            account_id=options["account_id"],
            observed=None,
            results={step: taken},
            failure=failure,
            check_mode=self.check_mode,
        )
        if result.may_all_go and not self.check_mode:
            text = f"Run the same command again after {result.may_all_go:%Y-%m-%d}: it deletes the keys that wait."
            composed["next_steps"].append({"step": step, "who": Who.OPERATOR.value, "text": text, "url": ""})
        told: ActionResult = {
            **composed,
            "message": _message(composed, result),
            "changed": bool(result.done),
            "actions": result.done,
            "refused": result.refused,
            "gone": result.gone,
        }
        if self._task.diff:
            told["diff"] = {"before": "", "after": "".join(f"{words}\n" for words in result.done)}
        return t.cast(ActionResult, printable_values(told))


def _message(composed: Outcome, result: Result) -> str:
    """The outcome's message. That a plan asks nothing of a lab does not make it as declared."""
    match OutcomeState(composed["state"]):
        case OutcomeState.CONVERGED:
            return f"Lab {composed['lab']}: {result.in_words()}"
        case OutcomeState.CHANGED:
            return " ".join([composed["message"], *result.waiting])
        case _:
            return composed["message"]
