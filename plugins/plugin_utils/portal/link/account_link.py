# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, make and remove the link of a CloudResearch account: the entry to this package.

C(look) reads and submits nothing. C(ensure_present) and C(ensure_absent) look first and do only what is missing. All
never print, and raise CollectionError only, with a C(reason) where the portal is the cause.
"""

from __future__ import annotations

import typing as t

from ...base.errors import CollectionError
from ...base.vocabulary import LinkStatus
from ..drivers import choice, silence
from ..drivers.base import Deadline, Errand
from ..drivers.settings import PortalAccount, PortalSettings
from ..drivers.snapshots import Snapshots
from ..errors import AnswerLost, SettingsError
from ..page import html_tree, matching
from ..page.changed import PageChanged
from ..page.wording import Wording
from ..session import person
from ..session.flow import Flow
from ..session.journal import Journal
from . import by_hand
from .discretion import Discretion
from .key_page import KeyPage
from .state import KnownKey, LinkResult, LinkState, judge_unseen


def look(settings: PortalSettings, account: PortalAccount, key: KnownKey) -> LinkState:
    """How the account is linked."""
    if settings.by_hand and not account.password:
        return judge_unseen(key)
    return _visit_portal(settings, account, key, lambda page: LinkResult.unchanged(page.state(key))).link


def ensure_present(
    settings: PortalSettings, account: PortalAccount, key: KnownKey, *, check_mode: bool = False
) -> LinkResult:
    """Make sure that the account holds this key; in check mode, predict.

    :raises CollectionError: C(reason) C(key_rejected) if the portal refuses the key.
    """
    if settings.by_hand:
        return by_hand.ensure_present(settings, account, key, look, check_mode=check_mode)

    def work(page: KeyPage) -> LinkResult:
        before = page.state(key)
        if before.status is LinkStatus.LINKED:
            return LinkResult.unchanged(before)
        if check_mode:
            told = "The key would be submitted."
            after = LinkState(LinkStatus.LINKED, "", told, key.access_key_id, balance=before.balance)
            return LinkResult(True, after, before)
        return LinkResult(True, page.submit(key), before)

    return _visit_portal(settings, account, key, work)


def ensure_absent(
    settings: PortalSettings, account: PortalAccount, key: KnownKey, *, check_mode: bool = False
) -> LinkResult:
    """Make sure that the account holds no key, or not this one; another key's link is left alone.

    Where the page offers no control for it, nothing changes and C(link.next_step) tells the way by hand.
    """
    if settings.by_hand:
        return by_hand.ensure_absent(settings, account, key, look)

    def work(page: KeyPage) -> LinkResult:
        before = page.state(key)
        if before.status is LinkStatus.NOT_LINKED:
            return LinkResult.unchanged(before)
        if before.status is LinkStatus.OTHER_KEY:
            return LinkResult.unchanged(
                before,
                message=f"{before.message} It was left alone.",
                next_step="If that key's link is to be removed, name its access_key_id, or none at all.",
            )
        control = page.removal()
        if control is None:
            return LinkResult.unchanged(
                before,
                waiting_for_person=True,
                message=f"{before.message} The page offers no control that removes it.",
                next_step=by_hand.REMOVE_BY_HAND.format(url=settings.portal_url),
            )
        if check_mode:
            return LinkResult(True, LinkState(LinkStatus.NOT_LINKED, message="The link would be removed."), before)
        return LinkResult(True, page.remove(control), before)

    return _visit_portal(settings, account, key, work)


Work = t.Callable[[KeyPage], LinkResult]


def _visit_portal(settings: PortalSettings, account: PortalAccount, key: KnownKey, work: Work) -> LinkResult:
    """Sign in and do the work, when it is this account's turn."""
    check_account(account)
    silence.check(settings.portal_url)
    snapshots = None
    if settings.snapshot_dir is not None:
        secrets = [*account.secrets(), key.secret_access_key, account.email]
        snapshots = Snapshots(settings.snapshot_dir, account.email.partition("@")[0], secrets)
    with person.turn_at_display(settings) as settings:
        journal = Journal(settings, account)
        queue = Deadline(settings.timeout)
        with journal.held(queue):
            journal.check()
            journal.take_turn(queue)
            errand = Errand(settings, Deadline(settings.timeout), snapshots, journal.slow_down)
            discretion = Discretion([*account.secrets(), key.secret_access_key])
            try:
                return discretion.over_result(_signed_in(errand, journal, work))
            except CollectionError as exc:
                discretion.over_error(exc)
                raise


def _signed_in(errand: Errand, journal: Journal, work: Work) -> LinkResult:
    """Do the work with the driver asked for, and go on in a browser if the page needs one."""
    driver = choice.first_driver(errand)
    try:
        try:
            return _work_on_key_page(Flow(driver, journal, errand.deadline), errand.snapshots, work)
        except PageChanged as exc:
            if errand.settings.driver != "auto" or not exc.needs_javascript or driver.name == "browser":
                raise
            lacking = choice.why_no_browser(errand.settings)
            if lacking:
                exc.next_step = f"{exc.next_step} {lacking}"
                raise
            following = choice.browser_after(driver, errand)
            driver.close()
            driver = following
            reason = f"Plain HTTP did not get through: {exc.problem}."
            return _work_on_key_page(Flow(driver, journal, errand.deadline), errand.snapshots, work, reason)
    except CollectionError as exc:
        if journal.password_sent:
            if exc.reason in person.PASSED_BY_PERSONS:
                journal.person_wanted(exc.reason)
            exc.next_step = f"{exc.next_step} {journal.advice(answer_lost=isinstance(exc, AnswerLost))}"
        raise
    finally:
        driver.close()


def _work_on_key_page(flow: Flow, snapshots: Snapshots | None, work: Work, driver_reason: str = "") -> LinkResult:
    """Do the work; its result, or its error, says how the portal was read.

    :param driver_reason: why this is another driver than the one that was begun with.
    """
    visit = flow.visit
    try:
        done = work(KeyPage(flow))
    except CollectionError as exc:
        known = {
            "recognised": visit.state.recognised,
            "driver": visit.driver.name,
            "driver_reason": driver_reason,
            "snapshots": list(snapshots.paths) if snapshots is not None else [],
        }
        kept = {name: value for name, value in known.items() if value or name in ("recognised", "driver")}
        exc.details = {**kept, **exc.details}
        raise
    for state in (done.link, done.before):
        state.driver, state.driver_reason, state.recognised = visit.driver.name, driver_reason, visit.state.recognised
        state.snapshots = list(snapshots.paths) if snapshots is not None else []
    return done


def check_account(account: PortalAccount) -> None:
    """Refuse an account that nobody could sign in with.

    :raises SettingsError: naming what is missing.
    """
    missing = "email" if not account.email.strip() else "password" if not account.password else ""
    if missing:
        raise SettingsError(
            f"The option {missing} is empty, so nobody can sign in to the portal.",
            next_step=f"Give the lab's CloudResearch {missing}, or use driver=manual.",
        )


def warm_up() -> None:
    """Read a page and the wording before workers are forked.

    Beautiful Soup builds its table of HTML's entities when it meets the first one, which takes longer than signing in.
    The words of a phrase are remembered.
    """
    if html_tree.HAS_BS4:
        html_tree.parse("<p>&copy;</p>")
    for phrases in Wording():
        for phrase in phrases:
            matching.content(phrase)


__all__ = [
    "KnownKey",
    "LinkResult",
    "LinkState",
    "PortalAccount",
    "PortalSettings",
    "check_account",
    "ensure_absent",
    "ensure_present",
    "look",
    "warm_up",
]
