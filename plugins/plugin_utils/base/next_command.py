# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that go on from where a run stands, so that they can be pasted as they are."""

from __future__ import annotations

import pathlib
import re
import shlex
import sys
import typing as t

from .masking import names_a_secret, secret_in
from .vocabulary import COLLECTION

# More labs than these make a line that nobody pastes; for the labs that lack nothing, another run changes nothing.
MOST_NAMED = 20

#: What a next command is for: the same V(again) for some labs, to V(do) what a check has shown, to V(show) what a run
#: would do, to V(suspend) the keys of the plan that an audit wrote, to V(delete) those that a plan suspended, to
#: V(remove) labs that are to be gone.
Purpose = t.Literal["again", "do", "show", "suspend", "delete", "remove"]
#: The name under which people save the plan that they approved, as in the guides.
APPROVED_PLAN = "approved.yml"

_LIMIT = ("-l", "--limit", "--subset")
_EXTRA = ("-e", "--extra-vars")
_CHECK = ("-C", "--check", "-D", "--diff")
# Without these a command would find other labs, or not read their secrets.
_INVENTORY = ("-i", "--inventory", "--inventory-file")
_VAULT = ("--vault-id", "--vault-password-file", "--vault-pass-file")
_ASK_VAULT = ("-J", "--ask-vault-password", "--ask-vault-pass")
_WITH_VALUE = (*_LIMIT, *_EXTRA, *_INVENTORY, *_VAULT)
# A confirmation that was given for other labs is none for these.
_CONFIRMATION = re.compile(r"retire_confirm=\S*")

_AUDIT = re.compile(r"(^|[./])audit(\.ya?ml)?$")
# Where a report about all labs is, and the plan beside it: an audit of some would leave one about these alone.
_REPORT = re.compile(r"""\bfleet_report_directory=('[^']*'|"[^"]*"|\S*)\s*""")

# The one host that a next step's command is for. Names that need quotes stand alone.
_ONE_HOST = re.compile(r"(--limit |retire_confirm=)([A-Za-z0-9](?:[\w.-]*[\w-])?)(?=\.?(?:[\s)]|$))")

# By lab, its host; a worker of Ansible's is concerned with one.
_HOSTS: dict[str, str] = {}


def next_command(
    argv: t.Sequence[str], labs: t.Sequence[str] = (), *, playbook: str = "", check: bool | None = None
) -> str:
    """The command line of this run again, with its own options; empty if it was not typed as C(ansible-playbook).

    :param argv: how the run was started.
    :param labs: the labs to run for; the run's own limit stays if there are none, or many.
    :param playbook: another playbook instead of the run's.
    :param check: with V(true), to show what would be done; with V(false), to do it; None leaves it as it was.
    """
    if not argv or pathlib.PurePath(argv[0]).name != "ansible-playbook":
        return ""
    replaced = _CHECK if check is not None else ()
    limited = 0 < len(labs) <= MOST_NAMED and all(re.fullmatch(r"[\w.-]+", lab) for lab in labs)
    words: list[str] = []
    for option, value in _options(argv[1:]):
        if (limited and option in _LIMIT) or option in replaced:
            continue
        if option in _EXTRA:
            kept = _kept_of_extra(value)
            words += [option, kept] if kept else []
        elif option:
            words += [option, value] if value else [option]
        else:
            words.append(playbook if playbook and re.search(r"(^|[./])(audit|suspend)(\.ya?ml)?$", value) else value)
    if limited:
        words += ["--limit", ",".join(labs)]
    if check:
        words += ["--check", "--diff"]
    return shlex.join(["ansible-playbook", *words])


def command_for(argv: t.Sequence[str]) -> t.Callable[[t.Sequence[str], Purpose], str]:
    """The next commands of a run, by labs and purpose."""

    def command(labs: t.Sequence[str], purpose: Purpose) -> str:
        if purpose == "show":
            return next_command(argv, labs, playbook=f"{COLLECTION}.onboard", check=True)
        if purpose in ("suspend", "delete", "remove"):
            playbook = f"{COLLECTION}.{'suspend' if purpose == 'suspend' else 'retire'}"
            there = [_REPORT.sub("", word) if purpose == "remove" else word for word in argv]
            shown = next_command(there, labs, playbook=playbook, check=True)
            plan = f" -e retire_plan={APPROVED_PLAN}" if purpose == "suspend" else ""
            # A playbook of the user's own does not follow plans.
            return f"{shown}{plan}" if f" {playbook} " in shown else ""
        if any(map(_AUDIT.search, argv)) and any(map(_REPORT.search, argv)):
            labs = ()
        return next_command(argv, labs, check=False if purpose == "do" else None)

    return command


def stands_for(host: str, lab: str) -> None:
    """Note which inventory host a lab is, as far as this process is concerned: a run is limited to hosts, not to labs.

    Without it, a lab's host has its name.
    """
    _HOSTS[lab] = host


def playbook_command(playbook: str, lab: str) -> str:
    """The command that runs one of the collection's playbooks for one lab, with this run's inventory and secrets.

    :param playbook: its name in the collection, such as V(onboard).
    """
    host = _HOSTS.get(lab, lab)
    words = ["ansible-playbook", f"{COLLECTION}.{playbook}"]
    started, *typed = sys.argv or [""]
    # Whatever else started the run, its words are no options of Ansible's.
    if pathlib.PurePath(started).name in ("ansible-playbook", "ansible"):
        for option, value in _options(typed):
            kept = _kept_of_extra(value) if option in _EXTRA else value
            if option in _EXTRA and playbook == "audit":
                kept = _REPORT.sub("", kept).strip()
            if option in (*_EXTRA, *_INVENTORY, *_VAULT) and kept:
                words += [option, kept]
            elif option in _ASK_VAULT:
                words.append(option)
    plain = bool(re.fullmatch(r"\w[\w.-]*", host))
    # Other names would be taken for several patterns; a dot in a regular expression stands for any character.
    words += ["--limit", host if plain else "~^" + re.sub(r"[^\w-]", ".", host) + "$"]
    if playbook == "retire":
        words += ["-e", f"retire_confirm={host if plain else 1}"]
    return shlex.join(words)


def iam_command(operation: str, **options: str) -> str:
    """A command of AWS's command line on IAM, for a shell that is signed in to the lab's account.

    :param operation: such as V(delete-user-policy).
    :param options: by name, with underscores for hyphens, such as V(user_name).
    """
    # Joined by =, because the name of a user or a policy may begin with a hyphen.
    return shlex.join(["aws", "iam", operation, *(f"--{name.replace('_', '-')}={options[name]}" for name in options)])


def for_any(text: str, account_id: str) -> str:
    """A next step as it is the same for all labs in which it has to be taken."""
    return _without_account(_ONE_HOST.sub(r"\1*", text), account_id)


def for_all(texts: t.Sequence[str], account_id: str) -> str:
    """One next step instead of those of several labs that are the same: its command is limited to all of their hosts.

    :param texts: of all labs, alike but for what C(for_any) leaves out.
    :param account_id: of the first lab.
    """
    if len(texts) == 1:
        return texts[0]
    named = [_ONE_HOST.search(text) for text in texts]
    hosts = ",".join(dict.fromkeys(found[2] for found in named if found))
    return _without_account(_ONE_HOST.sub(lambda found: found[1] + hosts, texts[0]), account_id)


def _without_account(text: str, account_id: str) -> str:
    return re.sub(rf"\b{account_id}\b", "(the account's id)", text) if account_id.isdecimal() else text


def _kept_of_extra(value: str) -> str:
    """What is repeated of an option C(-e); empty for nothing."""
    kept = _CONFIRMATION.sub("", value).strip()
    return "" if "retire_confirm" in kept or _holds_a_secret(kept) else kept


def _holds_a_secret(value: str) -> bool:
    names = re.findall(r"[\"']?([A-Za-z_]\w*)[\"']?\s*[=:]", value)
    return not value.startswith("@") and (bool(secret_in(value)) or any(map(names_a_secret, names)))


def _options(words: t.Sequence[str]) -> t.Iterator[tuple[str, str]]:
    """Options with their values, and other words with an empty option, in their order.

    Only options that are looked at need to be told from their values; all others are passed on word by word.
    """
    waiting = ""
    for word in words:
        name, sign, value = word.partition("=")
        if waiting:
            yield waiting, word
            waiting = ""
        elif word in _WITH_VALUE:
            waiting = word
        elif sign and name in _WITH_VALUE:
            yield name, value
        elif re.match(r"-[lei].", word):
            yield word[:2], word[2:].removeprefix("=")
        elif word in (*_CHECK, *_ASK_VAULT):
            yield word, ""
        else:
            yield "", word
