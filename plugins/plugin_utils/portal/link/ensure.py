# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, make and remove the link of a CloudResearch account: the entry to this package.

C(look) signs in, reads and submits nothing. C(ensure_present) and C(ensure_absent) look first and do only what is
missing. All take the same settings and account, never print, and raise CollectionError only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers import choice
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Driver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    PortalAccount,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import Snapshots
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PageChanged, SettingsError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import evidence, manual
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.evidence import (
    KeyUse,
    KeyUseSource,
    LinkState,
    judge,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.submission import Linker
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.flow import Flow
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.journal import Journal

Answer = t.TypeVar("Answer")


@dataclasses.dataclass
class LinkResult:
    """What C(ensure_present) and C(ensure_absent) did.

    :param changed: whether something was submitted, or in check mode would be.
    :param link: the state now (in check mode: as it would be).
    :param before: the state found.
    :param waiting_for_person: whether a person has to do the rest; C(link.next_step) says what.
    """

    changed: bool
    link: LinkState
    before: LinkState
    waiting_for_person: bool = False

    def diff(self) -> dict[str, dict[str, str]]:
        """Before and after, without secrets."""
        return {"before": _diffed(self.before), "after": _diffed(self.link)}


def _diffed(state: LinkState) -> dict[str, str]:
    return {"status": state.status, "access_key_id": state.access_key_id}


def look(
    settings: PortalSettings,
    account: PortalAccount,
    access_key_id: str | None = None,
    recorded_access_key_id: str | None = None,
    key_use: KeyUseSource = None,
    *,
    browser: t.Any = None,
) -> LinkState:
    """Sign in, read the link page, submit nothing.

    :param access_key_id: the key that ought to be linked; without it, any linked key counts as linked.
    :param recorded_access_key_id: the key that an earlier run recorded as linked, for portals that hide it.
    :param key_use: what AWS knows about the key's use, or a callable that finds it out when it matters.
    :param browser: a running Playwright browser to use instead of starting one.
    :returns: the state; its C(recognised) lists what was recognised on each page.
    :raises CollectionError: with a C(reason) where the portal is the cause.
    """
    if settings.driver == "manual" and not account.password:
        return manual.judge_without_portal(access_key_id, recorded_access_key_id, key_use)

    def work(flow: Flow) -> LinkState:
        linker = Linker(flow)
        view = flow.reach_link_page()
        signs = linker.signs(view)
        state = judge(signs, access_key_id, recorded_access_key_id, key_use)
        state.balance = signs.balance
        return state

    return _visit(settings, account, (), browser, work)


def ensure_present(
    settings: PortalSettings,
    account: PortalAccount,
    access_key_id: str,
    secret_access_key: str,
    recorded_access_key_id: str | None = None,
    check_mode: bool = False,
    key_use: KeyUseSource = None,
    *,
    browser: t.Any = None,
) -> LinkResult:
    """Make sure that the account holds this key; submit it only if nothing proves that it does.

    For the parameters see C(look). In check mode nothing is submitted and the result is the prediction.

    :raises CollectionError: C(reason) C(key_rejected) if the portal refuses the key.
    """
    if settings.driver == "manual":
        return manual.ensure_present(
            settings, account, access_key_id, recorded_access_key_id, check_mode, key_use, look
        )

    def work(flow: Flow) -> LinkResult:
        linker = Linker(flow)
        view = flow.reach_link_page()
        signs = linker.signs(view)
        before = judge(signs, access_key_id, recorded_access_key_id, key_use)
        before.balance = signs.balance
        if before.status == evidence.LINKED:
            return LinkResult(False, before, dataclasses.replace(before))
        if check_mode:
            after = LinkState(evidence.LINKED, access_key_id, "", "The key would be submitted.", balance=before.balance)
            return LinkResult(True, after, before)
        return LinkResult(True, linker.submit(view, access_key_id, secret_access_key), before)

    return _visit(settings, account, (secret_access_key,), browser, work)


def ensure_absent(
    settings: PortalSettings,
    account: PortalAccount,
    access_key_id: str | None = None,
    recorded_access_key_id: str | None = None,
    check_mode: bool = False,
    key_use: KeyUseSource = None,
    *,
    browser: t.Any = None,
) -> LinkResult:
    """Remove the link with the page's own control, if it offers one.

    If it offers none, nothing changes and C(link.next_step) tells the manual way.

    :param access_key_id: the key whose link to remove; another key's link is left alone. None: whichever is linked.
    """
    if settings.driver == "manual":
        return manual.ensure_absent(settings, account, access_key_id, recorded_access_key_id, key_use, look)

    def work(flow: Flow) -> LinkResult:
        linker = Linker(flow)
        view = flow.reach_link_page()
        signs = linker.signs(view)
        before = judge(signs, access_key_id, recorded_access_key_id, key_use)
        before.balance = signs.balance
        if before.status == evidence.NOT_LINKED:
            return LinkResult(False, before, dataclasses.replace(before))
        if before.status == evidence.OTHER_KEY:
            left = dataclasses.replace(
                before,
                message=f"{before.message} It was left alone.",
                next_step="If that key's link is to be removed, name its access_key_id, or none at all.",
            )
            return LinkResult(False, left, before)
        if flow.finder.unlink(view.page) is None:
            stays = dataclasses.replace(
                before,
                message=f"{before.message} The page offers no control that removes it.",
                next_step=manual.REMOVE_BY_HAND.format(url=settings.portal_url),
            )
            return LinkResult(False, stays, before, waiting_for_person=True)
        if check_mode:
            return LinkResult(True, LinkState(evidence.NOT_LINKED, "", "", "The link would be removed."), before)
        return LinkResult(True, linker.unlink(view) or before, before)

    return _visit(settings, account, (), browser, work)


def _visit(
    settings: PortalSettings,
    account: PortalAccount,
    more_secrets: t.Sequence[str],
    browser: t.Any,
    work: t.Callable[[Flow], Answer],
) -> Answer:
    """Sign in with the driver asked for, do the work, and go on in a browser if the page needs one."""
    check_account(account)
    journal = Journal(settings, account)
    snapshots = None
    if settings.snapshot_dir is not None:
        label = account.email.partition("@")[0]
        snapshots = Snapshots(settings.snapshot_dir, label, [*account.secrets(), *more_secrets, account.email])
    queue = Deadline(settings.timeout)
    with journal.held(queue):
        journal.check()
        journal.take_turn(queue)
        deadline = Deadline(settings.timeout)
        driver: Driver = choice.first_driver(settings, deadline, snapshots, journal.slow_down, browser)
        try:
            return _try(driver, settings, account, journal, deadline, snapshots, work)
        except PageChanged as exc:
            if settings.driver != "auto" or not exc.needs_javascript or driver.name == "browser":
                raise
            following = choice.browser_after(driver, settings, deadline, snapshots, journal.slow_down, browser)
            if following is None:
                raise
            driver.close()
            driver = following
            return _try(driver, settings, account, journal, deadline, snapshots, work)
        finally:
            driver.close()


def _try(
    driver: Driver,
    settings: PortalSettings,
    account: PortalAccount,
    journal: Journal,
    deadline: Deadline,
    snapshots: Snapshots | None,
    work: t.Callable[[Flow], Answer],
) -> Answer:
    flow = Flow(driver, settings, account, journal, deadline)
    kept = snapshots.paths if snapshots is not None else []
    try:
        answer = work(flow)
    except CollectionError as exc:
        exc.details.setdefault("recognised", flow.recognised)
        exc.details.setdefault("driver", driver.name)
        if kept:
            exc.details.setdefault("snapshots", list(kept))
        raise
    states = (
        [answer]
        if isinstance(answer, LinkState)
        else [answer.link, answer.before]
        if isinstance(answer, LinkResult)
        else []
    )
    for state in states:
        state.driver, state.recognised, state.snapshots = driver.name, flow.recognised, list(kept)
    return answer


def check_account(account: PortalAccount) -> None:
    with contextlib.suppress(AttributeError):
        if account.email.strip() and account.password:
            return
    missing = "email" if not (account.email or "").strip() else "password"
    raise SettingsError(
        f"The option {missing} is empty, so nobody can sign in to the portal.",
        next_step=f"Give the lab's CloudResearch {missing}, or use driver=manual.",
    )


__all__ = [
    "KeyUse",
    "LinkResult",
    "LinkState",
    "PortalAccount",
    "PortalSettings",
    "ensure_absent",
    "ensure_present",
    "look",
]
