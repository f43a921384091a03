# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role lab_account as the options of its observation.

A converged lab costs one task. A template for each of forty options takes longer than asking AWS, and so does a task
of its own that validates them; so the observation takes the role's variables as they are. Nearly all of them are plain
values, which need no template. C(roles/lab_account/meta/argument_specs.yml) documents them; a test holds both together.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..base import vocabulary
from ..base.errors import invalid_options
from ..base.masking import redact
from ..base.text import printable
from ..portal.drivers import settings as portal_settings
from . import declaration

Values = dict[str, t.Any]

# Options of lab_account_info, and the variables that they are taken from. Empty texts count as not given.
OPTIONS = {
    "lab": "lab_account_lab",
    "account_id": "lab_account_aws_account_id",
    "user_name": "lab_account_iam_user",
    "policy_arn": "lab_account_policy_arn",
    "tags": "lab_account_tags",
    "adopt_existing_user": "lab_account_adopt_existing_user",
    "onboard_although_closed": "lab_account_onboard_although_closed",
    "remove_foreign_keys": "lab_account_remove_foreign_keys",
    "remove_drift": "lab_account_remove_drift",
    "store": "lab_account_secret_store",
    "max_age_days": "lab_account_key_max_age_days",
    "grace_days": "lab_account_key_grace_days",
    "retire_after_days": "lab_account_retire_after_days",
    "environments": "lab_account_environments",
    "minimum_balance": "lab_account_minimum_balance",
    "production_endpoint_url": "lab_account_mturk_production_endpoint_url",
    "sandbox_endpoint_url": "lab_account_mturk_sandbox_endpoint_url",
    "link_check": "lab_account_link_check",
    "thorough": "lab_account_thorough",
    "thresholds": "lab_account_finding_thresholds",
    "find_principals": "lab_account_find_principals",
    "known_principals": "lab_account_known_principals",
}

_PORTAL = {
    "portal_url": "lab_account_portal_url",
    "portal": "lab_account_portal",
    "driver": "lab_account_link_driver",
}

# The role's default, which names no place: whoever only wants to see what is in AWS needs no store.
NO_STORE = {"type": "ansible_vault"}

_TEXT: dict[str, t.Any] = {"type": "str", "default": ""}

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **{variable: declaration.ARGUMENT_SPEC[option] for option, variable in OPTIONS.items()},
    "lab_account_state": {"type": "str", "choices": ["present", "suspended", "absent"], "default": "present"},
    "lab_account_lab": {"type": "str"},
    "lab_account_operation": {"type": "str", "choices": list(vocabulary.OPERATIONS), "default": "onboard"},
    # The connection plugin aws_account takes these, too.
    "lab_account_aws_account_id": _TEXT,
    "lab_account_assume_role_name": {"type": "str", "default": vocabulary.DEFAULT_ROLE_NAME},
    "lab_account_external_id": _TEXT,
    "lab_account_aws_profile": _TEXT,
    "lab_account_ambient_credentials": {"type": "bool", "default": False},
    "lab_account_aws_endpoint_url": _TEXT,
    # The suboptions are the store's to judge: which of them there are depends on its type.
    "lab_account_secret_store": {"type": "dict", "default": NO_STORE},
    "lab_account_key_propagation_timeout": {"type": "int", "default": 120},
    "lab_account_wait_for_person": {"type": "int", "default": 0},
    "lab_account_mturk_production_endpoint_url": _TEXT,
    "lab_account_mturk_sandbox_endpoint_url": _TEXT,
    "lab_account_cloudresearch_email": _TEXT,
    "lab_account_cloudresearch_password": {**_TEXT, "no_log": True},
    "lab_account_cloudresearch_totp_secret": {**_TEXT, "no_log": True},
    "lab_account_portal_url": {"type": "str", "default": portal_settings.DEFAULT_PORTAL_URL},
    "lab_account_portal": {"type": "dict", "default": {}},
    "lab_account_portal_options": {"type": "dict", "default": {}},
    "lab_account_link_driver": {"type": "str", "choices": list(portal_settings.DRIVER_CHOICES), "default": "auto"},
}

# Variables of the collection's other parts, by which a mistyped name is recognised.
_OTHER_VARIABLES = frozenset(
    {
        "fleet_report_contact_variable",
        "fleet_report_contacts",
        "fleet_report_department_variable",
        "fleet_report_letters",
        "fleet_report_directory",
        "fleet_report_formats",
        "fleet_report_keep_earlier",
        "fleet_report_labs",
        "fleet_report_mode",
        "fleet_report_name",
        "fleet_report_previous",
        "fleet_report_result",
        "fleet_report_title",
        "lab_account_outcome",
        "retire_confirm",
        "retire_plan",
        "rotate_batch_size",
        "rotate_stop_after",
    }
)
_OF_A_CLASS = re.compile(r"is of type <class '[^']*'> and we were unable to convert to")
_CLASS_OF_A_VALUE = re.compile(r": <class '[^']*'> cannot be converted to an? \w+")
_PREFIXES = ("lab_account_", "fleet_report_", "retire_", "rotate_")
_LONG_PREFIXES = _PREFIXES[:2]
_BEGINNINGS = ("lab", "fle")
# One letter too many, too few or in another's place.
_ALIKE = 0.9
# A word too few, in what follows the prefix: lab_account_retire_days.
_MEANT = 0.75
# Without these, a retirement takes away more than its user asked for, or at once what was to wait.
_KEEPS_KEYS = frozenset({"lab_account_retire_after_days", "lab_account_known_principals"})
# What else a retirement goes by. Only a slip of the pen is near enough to one of these: people keep notes of their own
# about a retirement (retire_reason) and about labs (lab_account_label).
_TELLS_WHAT_GOES = frozenset(
    {
        "fleet_report_directory",
        "lab_account_adopt_existing_user",
        "lab_account_aws_account_id",
        "lab_account_iam_user",
        "lab_account_lab",
        "lab_account_link_check",
        "lab_account_remove_foreign_keys",
        "lab_account_secret_store",
        "retire_confirm",
        "retire_plan",
    }
)


def _nearly_like_ours(name: str) -> bool:
    """Whether a name begins nearly like those of the collection, as C(lab_acount_state) does.

    It is asked of each variable of each lab, so names that are plainly others' are told by a look.
    """
    return name[:3] in _BEGINNINGS and any(
        difflib.SequenceMatcher(None, name[: len(prefix)], prefix).ratio() > _ALIKE for prefix in _LONG_PREFIXES
    )


def unknown(task_vars: t.Iterable[str]) -> dict[str, str]:
    """The variables that are named like the collection's and that it does not know, with the nearest name it knows.

    :param task_vars: the names of all variables of the host.
    """
    known = _OTHER_VARIABLES | ARGUMENT_SPEC.keys()
    found: dict[str, str] = {}
    for name in sorted(set(task_vars) - known):
        ours = name.startswith(_PREFIXES)
        if ours or _nearly_like_ours(name):
            # The rest of the name tells lab_acount_state from lab_accounting_code, which is somebody else's.
            nearest = difflib.get_close_matches(name, known, 1, 0.6 if ours else _ALIKE)
            if ours or nearest:
                found[name] = next(iter(nearest), "")
    return found


def refuse_mistyped(task_vars: t.Iterable[str], *, retiring: bool) -> None:
    """Make sure that what takes keys away, or makes them, rests on no variable that its user only thinks to have set.

    :param task_vars: the names of all variables of the host.
    :param retiring: whether the lab's keys are to be gone. Any other run is another one only without its plan.
    :raises CollectionError: one of them nearly has the name of one by which the run goes, however it begins, and with
        whatever letters and hyphens it is written.
    """
    slips = _TELLS_WHAT_GOES if retiring else {"retire_plan"}
    for name in sorted(set(task_vars) - _OTHER_VARIABLES - ARGUMENT_SPEC.keys()):
        written = name.casefold().replace("-", "_")
        # Asked of each variable of each lab, so that most are told by a look.
        if not written.startswith((*_PREFIXES, *_BEGINNINGS)) and not ("retire" in written and "day" in written):
            continue
        meant = _near(written, _KEEPS_KEYS, _MEANT) if retiring else ""
        # Without the role's prefix, what follows it in our names is anybody's: a variable lab.
        whole = _without_prefix(written) == written
        possible = {slip for slip in slips if _without_prefix(slip) == slip} if whole else slips
        if meant := meant or _near(written, possible, _ALIKE):
            done = "retired" if retiring else "changed"
            raise invalid_options(
                f"The collection does not know the variable {name}, which looks like {meant}. Nothing was {done}, "
                "because which keys are, and when, may depend on it.",
                "Correct the name, or remove the variable. If it is one of your own, give it a name that is less like "
                "that.",
                "observe",
            )


def refuse_stray_words(task_vars: t.Mapping[str, t.Any]) -> None:
    """Make sure that the command line sets what its user thinks it sets.

    Of C(-e retire_plan plan.yml), and of C(-e fleet_report_directory=My Reports), Ansible keeps the words without an
    equals sign aside and goes on: without the plan, and with a report in another directory.

    :raises CollectionError: there are such words.
    """
    words = task_vars.get("_raw_params")
    if isinstance(words, str) and words.strip():
        told = redact(printable(words.strip()))
        raise invalid_options(
            f"After -e, {told!r} sets no variable. Nothing was changed, because what the run does may depend on it.",
            "Write each variable as NAME=VALUE, without spaces around the equals sign. If its value has spaces, put "
            """the value in quotes of its own: -e "fleet_report_directory='My Reports'".""",
            "observe",
        )


def _near(name: str, known: t.Iterable[str], cutoff: float) -> str:
    """The known name that the name is nearest to, but for its prefix; empty if none is near."""
    bare = {_without_prefix(variable): variable for variable in known}
    nearest = difflib.get_close_matches(_without_prefix(name), bare, 1, cutoff)
    return bare[nearest[0]] if nearest else ""


def _without_prefix(name: str) -> str:
    """The name without the role's prefix, or what nearly is that prefix."""
    prefix = _PREFIXES[0]
    alike = difflib.SequenceMatcher(None, name[: len(prefix)], prefix).ratio() > _ALIKE
    return name[len(prefix) :].lstrip("_") if alike else name


def warnings(unknown_variables: t.Mapping[str, str]) -> list[str]:
    """A sentence for each variable that C(unknown) found; the same for all hosts, so that Ansible shows it once."""
    return [
        f"The collection does not know the variable {name}, so it has no effect."
        + (f" Did you mean {nearest}?" if nearest else "")
        for name, nearest in unknown_variables.items()
    ]


def read(task_vars: t.Mapping[str, t.Any], templar: t.Any, names: t.Collection[str] = ARGUMENT_SPEC) -> Values:
    """The role's variables, validated.

    :param task_vars: the variables of a task of the role; templates in their values are resolved.
    :param names: those that are wanted, C(lab_account_lab) among them.
    :raises CollectionError: the role's argument spec does not allow a value.
    """
    given = {name: templar.template(task_vars[name]) for name in names if name in task_vars}
    # The role's default, also where only its task is used.
    given.setdefault("lab_account_lab", task_vars.get("inventory_hostname"))
    checked = ArgumentSpecValidator({name: ARGUMENT_SPEC[name] for name in names}).validate(given)
    if checked.error_messages:
        # Of a value of another type Ansible also names the class, which is its own and says nothing to anybody.
        told = _CLASS_OF_A_VALUE.sub("", _OF_A_CLASS.sub("cannot be converted to", "; ".join(checked.error_messages)))
        raise invalid_options(
            f"The lab's variables are wrong: {told}",
            "Correct them, then run again (see ansible-doc -t role labops.cloudresearch.lab_account).",
            "observe",
        )
    values: Values = checked.validated_parameters
    return values


def as_options(values: Values) -> dict[str, t.Any]:
    """What C(declaration.ARGUMENT_SPEC) has options for.

    :param values: what C(read) returned.
    """
    derived = derive(values)
    options = {option: values.get(name) for option, name in OPTIONS.items()}
    account = {word: values[f"lab_account_cloudresearch_{word}"] for word in ("email", "password", "totp_secret")}
    portal = {word: values[name] for word, name in _PORTAL.items()}
    return {
        **{option: None if value == "" else value for option, value in options.items()},
        "state": derived["key_state"],
        "judge_key_use": derived["manual_link"],
        "cloudresearch": {
            **{word: value or None for word, value in account.items()},
            "options": {**portal, **values["lab_account_portal_options"]},
        },
    }


def retirement_confirmed(values: Values, task_vars: t.Mapping[str, t.Any], templar: t.Any) -> bool:
    """Whether a lab that is declared absent may lose what it has.

    The playbook C(retire) asks for a confirmation itself. Any other run would retire a lab because of one word in the
    inventory, so it needs the lab's host, or its name, in C(retire_confirm).

    :param values: what C(read) returned.
    """
    if values.get("lab_account_state") != "absent" or values.get("lab_account_operation") in ("audit", "retire"):
        return True
    given = templar.template(task_vars.get("retire_confirm", ""))
    names = given if isinstance(given, list) else str(given).split(",")
    of_the_lab = {values.get("lab_account_lab"), task_vars.get("inventory_hostname")}
    return not of_the_lab.isdisjoint(str(name).strip() for name in names)


def derive(values: Values) -> dict[str, t.Any]:
    """What follows from the variables, and what the role's later tasks need, too.

    :returns: C(key_state) to ask for; C(manual_link): whether a person enters the key at the portal; C(link_driver);
        and as numbers and dictionaries, however they were written, C(max_age_days), C(wait_for_person), C(tags) and
        C(portal_options).
    """
    state = values["lab_account_state"]
    # Rotating is asking for a new key now; a maximum age asks for one only where it is due.
    rotate_now = values["lab_account_operation"] == "rotate" and not values["lab_account_key_max_age_days"]
    # Without an e-mail address nobody signs in for the lab.
    nobody_signs_in = values["lab_account_link_driver"] == "manual" or not values["lab_account_cloudresearch_email"]
    manual = nobody_signs_in and values["lab_account_link_check"] != "none"
    return {
        "key_state": "rotated" if rotate_now and state == "present" else state,
        "manual_link": manual,
        "link_driver": "manual" if manual else values["lab_account_link_driver"],
        "max_age_days": values["lab_account_key_max_age_days"],
        "wait_for_person": values["lab_account_wait_for_person"],
        "tags": values["lab_account_tags"],
        "portal_options": values["lab_account_portal_options"],
    }
