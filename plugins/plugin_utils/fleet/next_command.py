# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that goes on from where a run ended, so that it can be pasted as it is."""

from __future__ import annotations

import pathlib
import re
import shlex
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.masking import names_a_secret, secret_in
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.vocabulary import COLLECTION

# More labs than these make a line that nobody pastes; for the labs that lack nothing, another run changes nothing.
MOST_NAMED = 20

_LIMIT = ("-l", "--limit", "--subset")
_EXTRA = ("-e", "--extra-vars")
_CHECK = ("-C", "--check", "-D", "--diff")
# A confirmation that was given for other labs is none for these.
_CONFIRMATION = re.compile(r"retire_confirm=\S*")


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
            kept = _CONFIRMATION.sub("", value).strip()
            if kept and "retire_confirm" not in kept and not _holds_a_secret(kept):
                words += [option, kept]
        elif option:
            words += [option, value] if value else [option]
        else:
            words.append(playbook if playbook and re.search(r"\.audit$|audit\.ya?ml$", value) else value)
    if limited:
        words += ["--limit", ",".join(labs)]
    if check:
        words += ["--check", "--diff"]
    return shlex.join(["ansible-playbook", *words])


def command_for(argv: t.Sequence[str]) -> t.Callable[[t.Sequence[str], str], str]:
    """The next commands of a run: V(again) for some labs, V(do) what --check has shown, V(show) what would be done."""

    def command(labs: t.Sequence[str], purpose: str) -> str:
        if purpose == "show":
            return next_command(argv, labs, playbook=f"{COLLECTION}.onboard", check=True)
        return next_command(argv, labs, check=False if purpose == "do" else None)

    return command


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
        elif word in (*_LIMIT, *_EXTRA):
            waiting = word
        elif sign and name in (*_LIMIT, *_EXTRA):
            yield name, value
        elif re.match(r"-[le].", word):
            yield word[:2], word[2:].removeprefix("=")
        elif word in _CHECK:
            yield word, ""
        else:
            yield "", word
