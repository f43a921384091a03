# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables as options of its observation, validated against the role's own argument spec.

A converged lab costs one task. Ansible would validate the role's variables in a task of its own for each lab, and
would compile a template for each option that the role hands on; both take longer than asking AWS. So the observation
reads the variables itself. Nearly all of them are plain values, which need no template.
"""

from __future__ import annotations

import functools
import pathlib
import typing as t

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError

SPEC_FILE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "lab_account" / "meta" / "argument_specs.yml"

# Options of lab_account_info, and the variables that they are taken from. Empty texts count as not given.
OPTIONS = {
    "operation": "lab_account_operation",
    "lab": "lab_account_lab",
    "account_id": "lab_account_aws_account_id",
    "profile": "lab_account_aws_profile",
    "endpoint_url": "lab_account_aws_endpoint_url",
    "user_name": "lab_account_iam_user",
    "policy_arn": "lab_account_policy_arn",
    "tags": "lab_account_tags",
    "adopt_existing_user": "lab_account_adopt_existing_user",
    "remove_foreign_keys": "lab_account_remove_foreign_keys",
    "remove_drift": "lab_account_remove_drift",
    "store": "lab_account_secret_store",
    "max_age_days": "lab_account_key_max_age_days",
    "grace_days": "lab_account_key_grace_days",
    "environments": "lab_account_environments",
    "minimum_balance": "lab_account_minimum_balance",
    "production_endpoint_url": "lab_account_mturk_production_endpoint_url",
    "sandbox_endpoint_url": "lab_account_mturk_sandbox_endpoint_url",
    "link_check": "lab_account_link_check",
    "thorough": "lab_account_thorough",
    "thresholds": "lab_account_finding_thresholds",
}


@functools.cache
def argument_spec() -> dict[str, dict[str, t.Any]]:
    """The role's argument spec, read once, before workers are forked."""
    document = yaml.safe_load(SPEC_FILE.read_text(encoding="utf-8"))
    return dict(document["argument_specs"]["main"]["options"])


def read(task_vars: t.Mapping[str, t.Any], templar: t.Any) -> dict[str, t.Any]:
    """The role's variables, validated.

    :param task_vars: the variables of a task of the role; templates in their values are resolved.
    :raises CollectionError: the role's argument spec does not allow a value.
    """
    given = {name: templar.template(task_vars[name]) for name in argument_spec() if name in task_vars}
    checked = ArgumentSpecValidator(argument_spec()).validate(given, validate_role_argument_spec=True)
    if checked.error_messages:
        raise CollectionError(
            f"The lab's variables are wrong: {'; '.join(checked.error_messages)}",
            next_step="Correct them, then run again (see ansible-doc -t role labops.cloudresearch.lab_account).",
            reason="invalid_options",
            step="observe",
        )
    values: dict[str, t.Any] = checked.validated_parameters
    return values


def as_options(values: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What C(lab_account_info) is to be told.

    :param values: what C(read) returned.
    """
    options = {option: values[name] for option, name in OPTIONS.items() if values.get(name) not in (None, "")}
    account = {word: values.get(f"lab_account_cloudresearch_{word}") for word in ("email", "password", "totp_secret")}
    portal = {word: values[name] for word, name in _PORTAL.items() if name in values}
    options["cloudresearch"] = {
        **{word: value for word, value in account.items() if value},
        "options": {**portal, **(values.get("lab_account_portal_options") or {})},
    }
    derived = derive(values)
    options.update(state=derived["key_state"], judge_key_use=derived["manual_link"])
    if derived["role_arn"]:
        options["assume_role_arn"] = derived["role_arn"]
    return options


def retirement_confirmed(values: t.Mapping[str, t.Any], task_vars: t.Mapping[str, t.Any], templar: t.Any) -> bool:
    """Whether a lab that is declared absent may lose what it has.

    The playbook C(retire) asks for a confirmation itself. Any other run would retire a lab because of one word in the
    inventory, so it needs the lab's name in C(retire_confirm).

    :param values: what C(read) returned.
    """
    if values.get("lab_account_state") != "absent" or values.get("lab_account_operation") in ("audit", "retire"):
        return True
    given = templar.template(task_vars.get("retire_confirm", ""))
    names = given if isinstance(given, list) else str(given).split(",")
    return values.get("lab_account_lab") in {str(name).strip() for name in names}


def derive(values: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What follows from the variables, and what the role's later tasks need, too.

    :returns: C(role_arn) to assume (empty: none); C(key_state) to ask for; C(manual_link): whether a person enters the
        key at the portal.
    """
    account, role = values.get("lab_account_aws_account_id"), values.get("lab_account_assume_role_name")
    state = values.get("lab_account_state", "present")
    # Rotating is asking for a new key now; a maximum age asks for one only where it is due.
    rotate_now = values.get("lab_account_operation") == "rotate" and not values.get("lab_account_key_max_age_days")
    # Without an e-mail address nobody signs in for the lab.
    nobody_signs_in = values.get("lab_account_link_driver") == "manual" or not values.get(
        "lab_account_cloudresearch_email"
    )
    return {
        "role_arn": f"arn:aws:iam::{account}:role/{role}" if account and role else "",
        "key_state": "rotated" if rotate_now and state == "present" else state,
        "manual_link": nobody_signs_in and values.get("lab_account_link_check") != "none",
    }


_PORTAL = {
    "portal_url": "lab_account_portal_url",
    "portal": "lab_account_portal",
    "driver": "lab_account_link_driver",
}
