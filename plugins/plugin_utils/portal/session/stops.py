# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portal says that ends a visit: it does not serve, it wants a person, it has locked the account."""

from __future__ import annotations

import re
import typing as t

from ..errors import PortalError, Reason, service_closed
from ..page.elements import Page
from ..page.matching import first_saying
from .visit import Visit, prominent_texts

# Signs of how many attempts are left before a lock.
_ATTEMPTS_LEFT = re.compile(
    r"\b(\d+|one|two|three|no)\s+(?:more\s+|remaining\s+|further\s+)?(?:sign-?in\s+|login\s+)?(?:attempts?|tries|try|chances?)\b"
    r"(?:\s+(?:left|remaining|remain|remains|before))|(?:attempts?|tries)\s+(?:left|remaining)\s*:?\s*(\d+)",
    re.IGNORECASE,
)
_ATTEMPTS_COUNTED = re.compile(r"\battempts?\s*:?\s*(\d+)\s*(?:of|/|out of)\s*(\d+)", re.IGNORECASE)
_NUMBERS = {"no": 0, "one": 1, "two": 2, "three": 3}
# By these, a server says that it did not process a request (RFC 6585, section 4; RFC 9110, section 15.6.4).
_NOT_PROCESSED = (429, 503)
_GONE = 410


def stop_if_away(visit: Visit, page: Page) -> None:
    """Stop at a page whose status says that the portal does not serve."""
    if page.captcha and page.status in (403, 429, 503):
        stop_at_captcha(visit, page)
    if page.status >= 500 or page.status == 429:
        if page.status in _NOT_PROCESSED:
            visit.journal.not_processed()
        wait = f" It asks to wait {page.retry_after:.0f} seconds." if page.retry_after else ""
        what = "asks for fewer requests" if page.status == 429 else "does not work at the moment"
        raise unavailable(page, f"The portal {what} (status {page.status} at {page.place}).{wait}")


def unavailable(page: Page, message: str) -> PortalError:
    """The error for a portal that is there but does not serve."""
    return PortalError(
        Reason.PORTAL_UNAVAILABLE,
        message,
        next_step="Run it again later.",
        details={"status_code": page.status, "retry_after": page.retry_after},
    )


def stop_at_captcha(visit: Visit, page: Page) -> None:
    """Stop at a page that wants proof that a person is there."""
    notice = visit.wording.captcha_notice
    labels = [name.text for form in page.forms for field in form.fillable for name in field.names]
    told = page.captcha or first_saying(labels, notice)
    if not told and not any(form.fillable for form in page.forms):
        told = first_saying(prominent_texts(page), notice)
    if not told:
        return
    visit.note(page, "captcha")
    raise PortalError(
        Reason.CAPTCHA,
        f'The portal wants proof that a person is there ("{visit.quote(told)}") on "{page.title}" ({page.place}).',
        next_step="Sign in once with a browser from this network, or enter the key by hand: driver=manual says how.",
    )


def stop_if_locked(visit: Visit, page: Page, texts: t.Iterable[str]) -> None:
    """Stop if one of the texts says that the account is locked."""
    told = first_saying(texts, visit.wording.locked_notice)
    if told:
        visit.note(page, "locked")
        raise PortalError(
            Reason.ACCOUNT_LOCKED,
            f'The account {visit.account.email} is locked: "{visit.quote(told)}".',
            next_step="Wait until the lock ends or unlock the account as the page says, sign in by hand once, and "
            "only then run it again.",
        )


def stop_if_said_unavailable(visit: Visit, page: Page, texts: t.Iterable[str]) -> None:
    """Stop if one of the texts says that the portal does not serve."""
    told = first_saying(texts, visit.wording.unavailable_notice)
    if told:
        visit.note(page, "unavailable")
        raise unavailable(page, f'The portal is not available: "{visit.quote(told)}".')


def stop_if_closed(visit: Visit, page: Page, texts: t.Iterable[str]) -> None:
    """Stop at a page that leads nowhere and says that the service is no more, or is answered as gone for good."""
    told = first_saying(texts, visit.wording.closed_notice)
    if told or page.status == _GONE:
        visit.note(page, "closed")
        quoted = f': "{visit.quote(told)}"' if told else f" (status {page.status})"
        raise service_closed(f"The portal says at {page.place} that it is closed{quoted}.", status_code=page.status)


def attempts_left(texts: t.Iterable[str]) -> int | None:
    """The number of attempts that the portal says are left, if it does."""
    for text in texts:
        counted = _ATTEMPTS_COUNTED.search(text)
        if counted:
            return max(0, int(counted[2]) - int(counted[1]))
        match = _ATTEMPTS_LEFT.search(text)
        if match:
            number = (match[1] or match[2]).lower()
            return _NUMBERS[number] if number in _NUMBERS else int(number)
    return None
