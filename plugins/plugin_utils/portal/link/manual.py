# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By hand: the operator pastes the key; the module says where and what, and looks for evidence."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    PortalAccount,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import evidence
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.evidence import (
    KeyUseSource,
    LinkState,
    Signs,
    judge,
)

if t.TYPE_CHECKING:
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.ensure import LinkResult

REMOVE_BY_HAND = (
    "Sign in at {url}, open the menu under the user icon, choose Link Mechanical Turk and remove the key there "
    "if the page "
    "lets you. Either way, retire the key in AWS: that makes the link dead."
)


def instructions(settings: PortalSettings, account: PortalAccount, access_key_id: str) -> str:
    """Where to paste what. The secret is not in it."""
    who = f" as {account.email}" if account.email else ""
    return (
        f"Sign in at {settings.portal_url}{who}, open the menu under the user icon at the top right, choose "
        "Link Mechanical "
        f"Turk, enter Access Key ID {access_key_id} and its Secret Access Key in the form at the bottom, and "
        "press Submit. To see "
        "the secret, run on this machine, with the inventory and vault password of this run: ansible LAB -m "
        "ansible.builtin.debug -a \"msg={{ lookup('labops.cloudresearch.lab_secret', inventory_hostname) }}\". "
        "Then run this "
        "again, with recorded_access_key_id set to that key ID if the page does not show the key."
    )


def judge_without_portal(
    access_key_id: str | None, recorded_access_key_id: str | None, key_use: KeyUseSource
) -> LinkState:
    """What is known without asking the portal; never C(not_linked), because nobody looked."""
    if access_key_id and (recorded_access_key_id == access_key_id or evidence.key_use_proves(key_use)):
        return judge(Signs(), access_key_id, recorded_access_key_id, key_use)
    if access_key_id and recorded_access_key_id:
        return LinkState(
            evidence.OTHER_KEY,
            recorded_access_key_id,
            evidence.RECORD,
            f"An earlier run recorded that {recorded_access_key_id} is linked.",
        )
    return LinkState(evidence.UNKNOWN, message="Nobody looked at the portal, and nothing else tells.")


def _find_evidence(
    settings: PortalSettings,
    account: PortalAccount,
    access_key_id: str | None,
    recorded: str | None,
    key_use: KeyUseSource,
    look: t.Callable[..., LinkState],
) -> LinkState:
    """Look at the portal if there is a password for it, else at the record and at AWS.

    A portal that cannot be read by the module is why the manual driver is used, so that is no failure here.
    """
    known = judge_without_portal(access_key_id, recorded, key_use)
    if known.status == evidence.LINKED or not account.password:
        return known
    try:
        return look(dataclasses.replace(settings, driver="auto"), account, access_key_id, recorded, key_use)
    except CollectionError as exc:
        return dataclasses.replace(known, message=f"{known.message} The portal could not be read: {exc.message}")


def ensure_present(
    settings: PortalSettings,
    account: PortalAccount,
    access_key_id: str,
    recorded_access_key_id: str | None,
    check_mode: bool,
    key_use: KeyUseSource,
    look: t.Callable[..., LinkState],
) -> LinkResult:
    """Tell the operator what to paste where, and wait for evidence for as long as asked."""
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.ensure import LinkResult

    before = _find_evidence(settings, account, access_key_id, recorded_access_key_id, key_use, look)
    if before.status == evidence.LINKED:
        return LinkResult(False, before, dataclasses.replace(before))
    text = instructions(settings, account, access_key_id)
    state = before
    if not check_mode:
        if settings.announce is not None:
            settings.announce(text)
        end = time.monotonic() + settings.wait_timeout
        while time.monotonic() < end:
            time.sleep(min(settings.wait_interval, max(0.0, end - time.monotonic())))
            state = _find_evidence(settings, account, access_key_id, recorded_access_key_id, key_use, look)
            if state.status == evidence.LINKED:
                # The person changed it, on our asking.
                return LinkResult(True, state, before)
    return LinkResult(False, dataclasses.replace(state, next_step=text), before, waiting_for_person=True)


def ensure_absent(
    settings: PortalSettings,
    account: PortalAccount,
    access_key_id: str | None,
    recorded_access_key_id: str | None,
    key_use: KeyUseSource,
    look: t.Callable[..., LinkState],
) -> LinkResult:
    """Tell the operator how to remove the link."""
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.ensure import LinkResult

    before = _find_evidence(settings, account, access_key_id, recorded_access_key_id, key_use, look)
    if before.status == evidence.NOT_LINKED:
        return LinkResult(False, before, dataclasses.replace(before))
    text = REMOVE_BY_HAND.format(url=settings.portal_url)
    if settings.announce is not None:
        settings.announce(text)
    return LinkResult(False, dataclasses.replace(before, next_step=text), before, waiting_for_person=True)
