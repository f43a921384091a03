# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the accounts of an AWS organization host names."""

from __future__ import annotations

import re
import typing as t

from ..base.errors import invalid_options
from ..base.lab_name import host_name, same_name
from .organization import Account


def name_accounts(accounts: t.Sequence[Account], preferences: t.Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Give each account a host name of its own.

    :param accounts: as from C(OrganizationReader.accounts), with C(tags) if preferences ask for them.
    :param preferences: V(name), V(id), V(email) or V(tag:<key>), best first; the id is always the last resort.
    :returns: host names by account id, and sentences about what a person might not expect.

    A host name decides whose C(host_vars), and so whose passwords, a lab gets. Whoever owns an account can change its
    name and e-mail address at any time, so among accounts that lead to one name nobody has a better right to it, and
    all of them get their account id behind it. Only a tag, which the organization sets, goes before what a lab chose.
    """
    wished = {account["id"]: _wished_name(account, preferences) for account in accounts}
    rivals: dict[str, list[str]] = {}
    for account_id, (name, _wish) in sorted(wished.items()):
        rivals.setdefault(same_name(name), []).append(account_id)
    names = {account_id: name for account_id, (name, _wish) in wished.items()}
    warnings: list[str] = []
    for contenders in rivals.values():
        if len(contenders) > 1:
            first = wished[contenders[0]][0]
            by_tag = [account_id for account_id in contenders if wished[account_id][1].startswith("tag:")]
            renamed = [account_id for account_id in contenders if len(by_tag) != 1 or account_id not in by_tag]
            names.update((account_id, _with_id(names[account_id], account_id)) for account_id in renamed)
            listed = ", ".join(f"{account_id} is {names[account_id]!r}" for account_id in contenders)
            warnings.append(
                f"{len(contenders)} accounts lead to the host name {first!r}, so their ids tell them apart: {listed}. "
                "What host_vars, the inventory or the store hold under the shorter name is not used for the longer "
                "ones. Find out who renamed an account, or make host names of what labs cannot choose: the option "
                "hostnames with id, or with a tag."
            )
    # A name that somebody chose so that it ends like one with an id.
    given = {same_name(names[account_id]) for account_id in wished if names[account_id] != wished[account_id][0]}
    for account_id, (name, _wish) in wished.items():
        if names[account_id] == name and same_name(name) in given:
            names[account_id] = _with_id(name, account_id)
            warnings.append(f"The account {account_id} has another one's name; its host here is {names[account_id]!r}.")
    return names, warnings


def _wished_name(account: Account, preferences: t.Sequence[str]) -> tuple[str, str]:
    """The host name that an account leads to, and the preference that gave it."""
    for wish in preferences:
        name = host_name(_wished_value(account, wish))
        if name:
            # A name of 12 digits would be taken for another account's id.
            imitates = re.fullmatch(r"\d{12}", name) and name != account["id"]
            return (_with_id(name, account["id"]) if imitates else name), wish
    return account["id"], "id"


def _with_id(name: str, account_id: str) -> str:
    return f"{name}-{account_id}"


def _wished_value(account: Account, wish: str) -> str:
    if wish.startswith("tag:"):
        return account.get("tags", {}).get(wish.removeprefix("tag:"), "")
    return {"id": account["id"], "name": account["name"], "email": account["email"]}[wish]


def check_preferences(preferences: t.Sequence[str]) -> None:
    """Refuse what host names cannot be made from.

    :raises CollectionError: with what is possible.
    """
    for wish in preferences:
        if wish not in ("name", "id", "email") and not (wish.startswith("tag:") and len(wish) > len("tag:")):
            told = f"Host names cannot be made from {wish!r}."
            raise invalid_options(told, "The option hostnames takes name, id, email and tag:<key>.")
