# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..plugin_utils.base import times
from ..plugin_utils.base.errors import CollectionError, invalid_options
from ..plugin_utils.base.vocabulary import DEFAULT_USER_NAME, LINK_STATUSES, LinkStatus
from ..plugin_utils.keys import lifecycle as key_lifecycle
from ..plugin_utils.keys.actions import Stop
from ..plugin_utils.keys.description import describe_keys
from ..plugin_utils.keys.looking import KeyObserver
from ..plugin_utils.keys.outcome import KeyOutcome
from ..plugin_utils.keys.situation import KeyRequest, KeyState, LinkKnowledge, Situation
from ..plugin_utils.lab_action import STORE_ARGUMENT_SPEC, LabAction, Options, Result, Variables
from ..plugin_utils.mturk import proof
from ..plugin_utils.store import base

OPTIONS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": [state.value for state in KeyState], "default": "present"},
    "lab": {"type": "str", "required": True},
    "user_name": {"type": "str", "default": DEFAULT_USER_NAME},
    "store": STORE_ARGUMENT_SPEC,
    "max_age_days": {"type": "int"},
    "retire_superseded": {"type": "bool", "default": True},
    "grace_days": {"type": "int", "default": 0},
    "retire_after_days": {"type": "int", "default": 0},
    "adopt_existing_user": {"type": "bool", "default": False},
    "remove_foreign_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "observed_at": {"type": "str"},
    "linked_access_key_id": {"type": "str", "no_log": False},
    "link_status": {"type": "str", "choices": list(LINK_STATUSES)},
    "link_evidence": {"type": "str", "choices": ["page", "record", "submission", "key_use"]},
    "production_endpoint_url": {"type": "str"},
    "propagation_timeout": {"type": "int", "default": 90},
    "report_directory": {"type": "path"},
}


class ActionModule(LabAction):
    """Makes sure of one usable key whose secret is stored, or of none."""

    step = "access_key"
    spec = OPTIONS

    def work(self, options: Options, task_vars: Variables) -> Result:
        account = self.account(options)
        endpoints = {"production": options["production_endpoint_url"]}

        def prove(access_key_id: str, secret_access_key: str) -> proof.KeyProof:
            signing = account.with_credentials(access_key_id, secret_access_key)
            return proof.prove_key(signing, endpoints, timeout=options["propagation_timeout"])

        lifecycle = key_lifecycle.KeyLifecycle(
            KeyObserver(
                account,
                self.store(options, account),
                lab=base.lab_name(options["lab"]),
                user_name=str(options["user_name"]),
                request=_request(options),
                link=_link_knowledge(options),
            ),
            prove=prove,
            journal=self.journal(options),
        )
        outcome = lifecycle.predict(assume_user=True) if self.check_mode else lifecycle.run()
        if outcome.stop:
            raise self._foreseen_stop(outcome.stop, outcome, options)
        return self._as_result(outcome)

    def _foreseen_stop(self, stop: Stop, outcome: KeyOutcome, options: dict[str, t.Any]) -> CollectionError:
        error = stop.as_error(options["lab"], options["user_name"])
        error.details.update(actions=_actions_in_words(outcome), changed=outcome.changed)
        return error

    def _as_result(self, outcome: KeyOutcome) -> Result:
        result: Result = {
            "changed": outcome.changed,
            "actions": _actions_in_words(outcome),
            "access_key_id": outcome.after.key_to_use,
            "access_keys": describe_keys(outcome.after),
            "notes": [note.as_dict() for note in outcome.notes],
            "retired_keys": outcome.retired_keys(),
            "changes": list(outcome.changes),
            "record": _record(outcome.after),
        }
        if outcome.proof:
            result["proof"] = {name: getattr(outcome.proof, name) for name in ("by", "status", "message")}
        if self._task.diff:
            result["diff"] = {
                "before": {"access_keys": describe_keys(outcome.before), "record": _record(outcome.before)},
                "after": {"access_keys": result["access_keys"], "record": result["record"]},
            }
        return result


def _request(options: t.Mapping[str, t.Any]) -> KeyRequest:
    begun = times.parse_time(options["observed_at"])
    if options["observed_at"] and begun is None:
        raise invalid_options("observed_at is not a time.", "Write it as 2026-01-31T12:00:00Z.")
    return KeyRequest(
        state=KeyState(options["state"]),
        max_age_days=options["max_age_days"],
        retire_superseded=options["retire_superseded"],
        grace_days=options["grace_days"],
        retire_after_days=options["retire_after_days"],
        adopt_existing_user=options["adopt_existing_user"],
        remove_foreign_keys=frozenset(map(str, options["remove_foreign_keys"])),
        begun=begun,
    )


def _link_knowledge(options: t.Mapping[str, t.Any]) -> LinkKnowledge:
    key_id = str(options["linked_access_key_id"] or "")
    status = LinkStatus(options["link_status"] or ("linked" if key_id else "unknown"))
    if status == "linked" and not key_id:
        raise invalid_options("link_status is linked, but no key is named.", "Name it in linked_access_key_id.")
    if status in ("not_linked", "unknown") and key_id:
        raise invalid_options(f"link_status is {status}, but linked_access_key_id names a key.", "Give one of them.")
    return LinkKnowledge(status, key_id, str(options["link_evidence"] or ""))


def _actions_in_words(outcome: KeyOutcome) -> list[str]:
    return [action.in_words() for action in outcome.actions]


def _record(situation: Situation) -> dict[str, t.Any]:
    return situation.record.public() if situation.record else {}
