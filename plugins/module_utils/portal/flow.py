# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the portal's first page to the page with the key's form, as a person goes it.

A state machine over kinds of pages. It knows nothing of HTTP or browsers: a driver reads pages and sends forms.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.module_utils.portal import wording as avoid
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.authenticator import Authenticator
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.drivers.base import Deadline, Driver
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.errors import (
    ACCOUNT_LOCKED,
    CAPTCHA,
    LOGIN_FAILED,
    PORTAL_UNAVAILABLE,
    SECOND_FACTOR_FAILED,
    SECOND_FACTOR_REQUIRED,
    PageChanged,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.finder import (
    CodeForm,
    Finder,
    LinkForm,
    SignInForm,
    ranked,
)
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.journal import Journal
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.pages import (
    Button,
    Control,
    Field,
    Form,
    Link,
    Page,
    bare_address,
    describe,
)
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.settings import PortalAccount, PortalSettings
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.snapshots import blot
from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.words import (
    BEGINS,
    SAME_CONTENT,
    best,
    plain,
    says,
)

# More pages than any sign-in has; a portal that goes in circles must not be followed for ever.
_STEPS = 30
_RENEWALS = 2
_MENUS = 12
_ATTEMPTS_LEFT = re.compile(
    r"\b(\d+|one|two|three|no)\s+(?:more\s+|remaining\s+|further\s+)?(?:sign-?in\s+|login\s+)?(?:attempts?|tries|try|chances?)\b"
    r"(?:\s+(?:left|remaining|remain|remains|before))|(?:attempts?|tries)\s+(?:left|remaining)\s*:?\s*(\d+)",
    re.IGNORECASE,
)
_NUMBERS = {"no": 0, "one": 1, "two": 2, "three": 3}
# Second factors that no authenticator secret can answer.
_SENT_CODE = (
    "we sent",
    "was sent",
    "we emailed",
    "we texted",
    "text message",
    "sent you",
    "sms",
    "sent to your",
    "sent a code",
)


@dataclasses.dataclass
class LinkView:
    """The page that tells about the link, with the form for the key if it shows one."""

    page: Page
    form: LinkForm | None


class Flow:
    """One visit to the portal by one account."""

    def __init__(
        self, driver: Driver, settings: PortalSettings, account: PortalAccount, journal: Journal, deadline: Deadline
    ) -> None:
        self.driver = driver
        self.settings = settings
        self.account = account
        self.finder = Finder(settings.wording)
        self.deadline = deadline
        self.recognised: list[dict[str, t.Any]] = []
        self.signed_in = False
        self.link_address = ""
        # Signs of a link that other pages of the account showed on the way, such as the balance in the header.
        self.passed: list[Page] = []
        self._journal = journal
        self._wording = settings.wording
        self._authenticator: Authenticator | None = None
        self._followed = False
        self._email_sent = False
        self._password_sent = False
        self._codes: list[int] = []
        self._renewals = 0
        self._renewals_told = 0
        self._expired_form = False
        self._before: set[str] = set()
        self._tried_menus: set[str] = set()
        self._passed_by: dict[str, int] = {}
        self._closer: set[str] = set()

    # Getting there

    def reach_link_page(self) -> LinkView:
        """Sign in and go to the page with the key's form."""
        return self.continue_from(self.driver.open(self.settings.portal_url))

    def reopen_link_page(self) -> LinkView:
        """Go to the page again, by the address found before."""
        self._followed = True
        return self.continue_from(self.driver.open(self.link_address))

    def continue_from(self, page: Page) -> LinkView:
        """Go on from any page of the portal."""
        for _step in range(_STEPS):
            self.deadline.check("on the way to the page for the key")
            try:
                result = self._step(page)
            except PageChanged as exc:
                closer = self._look_closer(page) if exc.ambiguous else None
                if closer is None:
                    raise
                result = closer
            if isinstance(result, LinkView):
                self.signed_in = True
                self._password_accepted()
                self.link_address = self.link_address or result.page.address
                self._note(result.page, "link page", self._link_parts(result))
                return result
            page = result
        raise self.finder.changed(
            page, "end of the way to the Mechanical Turk page", "link_page", why="The portal goes in circles"
        )

    def _look_closer(self, page: Page) -> Page | None:
        if page.address in self._closer:
            return None
        self._closer.add(page.address)
        return self.driver.look_closer(page)

    def _step(self, page: Page) -> Page | LinkView:
        self._stop_if_away(page)
        moved = self._let_it_move(page)
        if moved is not None:
            return moved
        form = self.finder.link_form(page, expected=self._followed)
        if form is not None:
            return LinkView(page, form)
        self._stop_at_captcha(page)
        sign_in = self.finder.sign_in(page, email_known=self._email_sent)
        if sign_in is None or sign_in.password is None:
            code = self.finder.code(page)
            if code is not None:
                return self._second_factor(page, code)
        if sign_in is not None:
            return self._sign_in(page, sign_in)
        return self._without_fields(page)

    def _without_fields(self, page: Page) -> Page | LinkView:
        self._stop_if_told(page, page.texts() if len(page.blocks) <= 12 else self._loud(page))
        way = self.finder.way_to_link_page(page, self.settings.trust.trusts)
        if self._is_link_page(page, way):
            return LinkView(page, None)
        self._password_accepted()
        if way is not None and not self._went(way):
            self.signed_in = True
            self._note(page, "home", {"link_page": way.label})
            self.passed.append(page)
            return self._go_to_link_page(page, way)
        settled = self.driver.settle(page)
        if settled is not None:
            return settled
        for attempt in (
            self._choose_way_to_sign_in,
            self._other_second_factor,
            self._in_between,
            self._menus,
            self._frame,
            self._landing,
        ):
            moved = attempt(page)
            if moved is not None:
                return moved
        moved = self._in_between(page, sure=False)
        if moved is not None:
            return moved
        raise self._lost(page)

    def _lost(self, page: Page) -> PortalError:
        self._stop_if_said_unavailable(page, [*self._loud(page), *(page.blocks if len(page.blocks) <= 12 else ())])
        known: dict[str, t.Any] = {"needs_javascript": page.scripts and not self.driver.runs_scripts}
        if page.status >= 400:
            known["found"] = [f"an answer with status {page.status}", *describe(page)]
        if self._followed:
            return self.finder.changed(page, "field for the access key ID", "access_key_id_field", **known)
        if self.signed_in or self._password_sent:
            return self.finder.changed(page, "link to the Mechanical Turk page", "link_page", **known)
        return self.finder.changed(page, "sign-in form", "email_field", **known)

    # Pages that move by themselves, and pages that end it all

    def _let_it_move(self, page: Page) -> Page | None:
        if page.sends_itself is None and not page.moves_to:
            return None
        settled = self.driver.settle(page)
        if settled is not None:
            return settled
        self._note(page, "page that sends itself on", {})
        if page.sends_itself is not None:
            return self.driver.send(page, page.sends_itself, {}, None)
        if self._passes_by(page, 4):
            return self.driver.open(page.moves_to)
        return None

    def _stop_if_away(self, page: Page) -> None:
        if page.captcha and page.status in (403, 429, 503):
            self._stop_at_captcha(page)
        if page.status >= 500 or page.status == 429:
            wait = f" It asks to wait {page.retry_after:.0f} seconds." if page.retry_after else ""
            what = "asks for fewer requests" if page.status == 429 else "does not work at the moment"
            raise self.unavailable(page, f"The portal {what} (status {page.status} at {page.place}).{wait}")

    def unavailable(self, page: Page, message: str) -> PortalError:
        """The error for a portal that is there but does not serve."""
        return PortalError(
            PORTAL_UNAVAILABLE,
            message,
            next_step="Run it again later.",
            details={"status_code": page.status, "retry_after": page.retry_after},
        )

    def _stop_at_captcha(self, page: Page) -> None:
        labels = [name.text for form in page.forms for field in form.fillable for name in field.names]
        told = page.captcha or next((text for text in labels if says(text, self._wording.captcha_notice)), "")
        if not told and not any(form.fillable for form in page.forms):
            told = next((text for text in self._loud(page) if says(text, self._wording.captcha_notice)), "")
        if not told:
            return
        self._note(page, "captcha", {})
        raise PortalError(
            CAPTCHA,
            f'The portal asks for a proof that a person is there ("{self.quote(told)}") on "{page.title}" ({page.place}).',
            next_step="Sign in once with a browser from this network, or enter the key by hand: driver=manual says how.",
        )

    def _stop_if_told(self, page: Page, texts: t.Iterable[str]) -> None:
        for text in texts:
            if says(text, self._wording.locked_notice):
                self._note(page, "locked", {})
                raise PortalError(
                    ACCOUNT_LOCKED,
                    f'The account {self.account.email} is locked: "{self.quote(text)}".',
                    next_step="Wait until the lock ends or unlock the account as the page says, sign in by hand once, and only "
                    "then run it again.",
                )

    def _stop_if_said_unavailable(self, page: Page, texts: t.Iterable[str]) -> None:
        for text in texts:
            if says(text, self._wording.unavailable_notice):
                self._note(page, "unavailable", {})
                raise self.unavailable(page, f'The portal is not available: "{self.quote(text)}".')

    def _loud(self, page: Page) -> list[str]:
        """What a page says first: title, headings, notices."""
        return [page.title, *page.headings, *(notice.text for notice in page.notices if len(notice.text) < 300)]

    # Signing in

    def _sign_in(self, page: Page, found: SignInForm) -> Page:
        if self._password_sent or (self._email_sent and found.password is None):
            if not self.signed_in:
                settled = self.driver.settle(page)
                if settled is not None:
                    return settled
                self._sign_in_refused(page)
            else:
                self._renew(page)
        self._stop_if_told(page, [notice.text for notice in page.notices if notice.tone == "error"])
        left = attempts_left(page.texts())
        if left is not None and left <= 1:
            raise PortalError(
                LOGIN_FAILED,
                f"Signing in as {self.account.email} was not tried: the portal says that {left} attempt is left before it locks "
                "the account.",
                next_step="Sign in by hand once to make sure of the password, then run it again.",
                details={"tried": False},
            )
        fill: dict[int, str] = {}
        if found.email is not None:
            fill[found.email.ref] = self.account.email
        if found.password is not None:
            fill[found.password.ref] = self.account.password
            self._password_sent = True
            if found.code is not None and self.account.totp_secret:
                fill[found.code.ref] = self._next_code()
        self._email_sent = True
        self._before = page.texts()
        self._note(
            page,
            "sign-in",
            {
                "email_field": found.email.label if found.email else "",
                "password_field": found.password.label if found.password else "",
                "sign_in_button": found.button.label if found.button else "",
            },
        )
        what = "password" if found.password else "e-mail address"
        self.settings.trust.require(page.address, what)
        return self.driver.send(page, found.form, fill, found.button, what=what)

    def _renew(self, page: Page) -> None:
        """The session ended half-way: sign in once more, with credentials that are known to be right."""
        self._renewals += 1
        if self._renewals > _RENEWALS:
            raise self.finder.changed(
                page,
                "lasting session",
                "",
                why="The portal asked to sign in again and again, with accepted credentials,",
            )
        self._email_sent = self._password_sent = False
        self._codes = []
        self._before = set()
        self._passed_by = {}

    def _sign_in_refused(self, page: Page) -> None:
        """Say why the sign-in form is there again, unless only the form was too old."""
        new = self.new_texts(page, self._before)
        self._stop_if_told(page, new)
        self._stop_if_said_unavailable(page, new)
        errors = [text for text in new if says(text, self._wording.error_notice)]
        if new and not self._expired_form and any(says(text, self._wording.expired_notice) for text in new):
            # The portal did not look at the password, so this was no attempt.
            self._expired_form = True
            self._email_sent = self._password_sent = False
            return
        left = attempts_left(new)
        self._journal.refused(LOGIN_FAILED, left)
        self._note(page, "sign-in refused", {})
        told = (
            f' The portal says: "{self.quote((errors or new)[0])}".'
            if new
            else " The sign-in form was shown again without a word."
        )
        raise PortalError(
            LOGIN_FAILED,
            f"The portal refused the e-mail address or the password of {self.account.email}.{told}",
            next_step="Correct the address or the password where you keep it, then run it again. The same password is not tried "
            f"again until then (see {self._journal.path}).",
            details={"tried": True, **({"attempts_left": left} if left is not None else {})},
        )

    def _password_accepted(self) -> None:
        if self._password_sent:
            self._journal.accepted()

    def _next_code(self) -> str:
        if self._authenticator is None:
            self._authenticator = Authenticator(self.account.totp_secret)
        authenticator = self._authenticator
        if self._codes:
            step = authenticator.neighbour(self._codes[-1], getattr(self.driver, "clock_difference", None))
            if step <= self._journal.last_code_step and step < self._codes[-1]:
                step = self._codes[-1] + 1
        else:
            step = authenticator.first_step(self._journal.last_code_step)
            ahead = step - authenticator.step()
            if ahead > 0 and authenticator.until_next() + 5 < self.deadline.left():
                # Most portals take the next code early, but not all do, and a refusal counts.
                self.deadline.sleep(
                    (ahead - 1) * authenticator.seconds + authenticator.until_next() + 0.2, "waiting for a fresh code"
                )
        self._codes.append(step)
        self._journal.used_code(max(step, self._journal.last_code_step))
        return authenticator.code(step)

    def _second_factor(self, page: Page, found: CodeForm) -> Page:
        if self.signed_in and self._codes:
            self._renew(page)
        texts = [text for text in page.texts() if len(text) < 300]
        by_app = any("authenticat" in text.lower() or " app" in text.lower() for text in texts)
        if any(says(text, _SENT_CODE, gap=1) for text in texts) and not by_app:
            chosen = self._choose_authenticator(page)
            if chosen is not None:
                return chosen
            self._note(page, "second factor", {})
            raise self._needs_person(page, "a code that it sends to a telephone or mailbox")
        if not self.account.totp_secret:
            self._password_accepted()
            self._note(page, "second factor", {"code_field": found.fields[0].label})
            raise self._needs_person(page, "a code from an authenticator, and no totp_secret is configured")
        if self._codes:
            settled = self.driver.settle(page)
            if settled is not None:
                return settled
            self._stop_if_told(page, self.new_texts(page, self._before) if len(self._codes) == 1 else page.texts())
        if len(self._codes) >= 2:
            self._journal.refused(SECOND_FACTOR_FAILED)
            self._note(page, "second factor refused", {})
            raise PortalError(
                SECOND_FACTOR_FAILED,
                f"The portal refused the code for {self.account.email}, the present one and its neighbour.",
                next_step="Check that totp_secret belongs to this account and that this machine's clock is right (to a few "
                "seconds), then run it again.",
            )
        self._password_accepted()
        code = self._next_code()
        if len(found.fields) > 1:
            fill = {field.ref: digit for field, digit in zip(found.fields, code)}
        else:
            fill = {found.fields[0].ref: code}
        self._before = page.texts()
        self._note(
            page,
            "second factor",
            {"code_field": found.fields[0].label, "code_button": found.button.label if found.button else ""},
        )
        self.settings.trust.require(page.address, "verification code")
        return self.driver.send(page, found.form, fill, found.button, what="verification code")

    def _needs_person(self, page: Page, what: str) -> PortalError:
        return PortalError(
            SECOND_FACTOR_REQUIRED,
            f'The portal asks {self.account.email} for {what} ("{page.title}", {page.place}).',
            next_step="Give the module the account's totp_secret (the text shown when the authenticator was set up), set up an "
            "authenticator for the account, or enter the key by hand: driver=manual says how.",
        )

    def _choose_authenticator(self, page: Page) -> Page | None:
        chosen = self.finder.control(page, self._wording.authenticator_choice, "way to verify", "authenticator_choice")
        if chosen is not None and self._passes_by(page, 2):
            return self.press(page, chosen)
        for form in page.forms:
            radios = [field for field in form.fields if field.kind == "radio" and field.seen.usable]
            found = ranked(radios, self._wording.authenticator_choice)
            if found and self._passes_by(page, 2):
                button = self.finder.button(
                    page, form, self._wording.continue_control, avoid.NOT_GOING_ON, "button", "continue_control"
                )
                for radio in radios:
                    radio.checked = radio is found[0][1]
                return self.driver.send(page, form, {}, button, check=[found[0][1].ref])
        return None

    def _other_second_factor(self, page: Page) -> Page | None:
        if self.signed_in or not self._password_sent:
            return None
        chosen = self._choose_authenticator(page) if self.account.totp_secret else None
        if chosen is not None:
            return chosen
        if any(says(text, self._wording.second_factor_notice, gap=2) for text in self._loud(page)):
            if self.finder.control(page, self._wording.skip_control, "control", "skip_control"):
                # An invitation to set one up, not a demand.
                return None
            raise self._needs_person(page, "a second factor that is not a code from an authenticator")
        return None

    def _choose_way_to_sign_in(self, page: Page) -> Page | None:
        if self.signed_in or self._password_sent:
            return None
        control = self.finder.control(page, self._wording.sign_in_with_email, "way to sign in", "sign_in_with_email")
        return self.press(page, control) if control is not None and self._passes_by(page, 2) else None

    def _landing(self, page: Page) -> Page | None:
        controls: list[Control] = [*page.buttons, *(link for link in page.links if link.seen.usable)]
        found = ranked(controls, self._wording.sign_in_link, avoid.NOT_SIGN_IN, least=BEGINS - 8, strict=True)
        if not found or not self._passes_by(page, 2):
            return None
        control = self.finder.one(page, found, "link to sign in", "sign_in_link")
        self._note(page, "public page", {"sign_in_link": control.label})
        return self.press(page, control)

    # Pages in between, menus, frames

    def _in_between(self, page: Page, *, sure: bool = True) -> Page | None:
        """Pass a page that wants to be seen before the rest: an announcement, terms, "remember this browser?"."""
        boxes = [
            (form, field)
            for form in page.forms
            for field in form.fields
            if field.kind == "checkbox" and field.seen is not None and not field.checked and self._wants_consent(field)
        ]
        if (
            sure
            and not boxes
            and not any(says(text, self._wording.in_between_notice, gap=1) for text in self._loud(page))
        ):
            return None
        tiers = (self._wording.skip_control, self._wording.accept_terms, self._wording.continue_control)
        for phrases in tiers:
            controls: list[Control] = [*page.buttons, *(link for link in page.links if link.seen.usable)]
            found = ranked(controls, phrases, avoid.NOT_GOING_ON, least=BEGINS - 10, strict=True)
            loose = [
                pair for pair in ranked(controls, ("continue", "skip", "accept", "agree"), avoid.NOT_GOING_ON, least=BEGINS - 10)
                if {"continue", "skip", "accept", "agree"} & {phrase.split()[0] for phrase in phrases}
                and best([pair[1].label], [phrase for phrase in phrases if " " not in phrase]) >= BEGINS - 10
            ]  # fmt: skip
            found = found or loose
            if not found:
                continue
            control = self.finder.one(page, found, "way past this page", "continue_control")
            if not self._passes_by(page, 2):
                return None
            accepts = phrases is self._wording.accept_terms or bool(boxes)
            if accepts and not self.settings.accept_terms:
                raise self._terms(page, control)
            self._note(page, "page in between", {"pressed": control.label, **({"accepted": True} if accepts else {})})
            form = page.form_of(control) if isinstance(control, Button) else None
            return self.press(page, control, check=[field.ref for owner, field in boxes if owner is form])
        return None

    def _wants_consent(self, field: Field) -> bool:
        names = [name.text for name in field.names]
        return bool(best(names, self._wording.terms_checkbox, ("newsletter", "marketing", "emails"))) or (
            field.required and bool(names)
        )

    def _terms(self, page: Page, control: Control) -> PortalError:
        return self.finder.changed(
            page,
            "way past the terms",
            "",
            why=f'The portal wants its terms accepted ("{control.label}"), and accept_terms is false,',
        )

    def _menus(self, page: Page) -> Page | None:
        """Open the menu under the user icon, or go to a page that stands for it."""
        if not (self.signed_in or self._password_sent or not any(form.fillable for form in page.forms)):
            return None
        controls: list[Control] = [
            *(
                button
                for button in page.buttons
                if button.kind not in ("submit", "image") or page.form_of(button) is None
            ),
            *(link for link in page.links if link.seen.usable and self.settings.trust.trusts(link.address)),
        ]
        found = ranked(
            controls, (*self._wording.user_menu, self.account.email),
            ("signout", "delete", "signin", "signup", "help", "new", "create", "back", "password", "billing"), least=BEGINS - 14, strict=True,
        )  # fmt: skip
        for _points, control in found[:10]:
            target = bare_address(control.address) if isinstance(control, Link) else f"{page.place} {control.label}"
            if target in self._tried_menus or target == page.place or len(self._tried_menus) > _MENUS:
                continue
            self._tried_menus.add(target)
            opened = self.driver.reveal(page, control.ref) if isinstance(control, Button) else None
            if opened is None and isinstance(control, Link):
                opened = self.driver.follow(page, control)
            if opened is not None:
                self._note(page, "menu", {"user_menu": control.label})
                return opened
        return None

    def _frame(self, page: Page) -> Page | None:
        frames = [address for address in page.frames if self.settings.trust.trusts(address)]
        if len(frames) == 1 and self._passes_by(page, 1):
            return self.driver.open(frames[0])
        return None

    def _is_link_page(self, page: Page, way: Link | Button | None) -> bool:
        """Whether this is the link page although it shows no form."""
        here = bool(self.link_address) and bare_address(self.link_address) == page.place
        named = (
            best([*page.headings, page.title], self._wording.link_page, avoid.NOT_LINK_PAGE, strict=True) >= BEGINS - 10
        )
        leads_here = isinstance(way, Link) and bare_address(way.address) == page.place
        if not ((self._followed and (here or named)) or (leads_here and named)):
            return False
        if self.finder.change_key(page) is not None or self.finder.unlink(page) is not None:
            return True
        if page.scripts and not self.driver.runs_scripts:
            # What is missing may be what a script would draw.
            return False
        return any(
            says(text, (*self._wording.linked_notice, *self._wording.not_linked_notice), gap=2) for text in page.blocks
        )

    def _went(self, way: Link | Button) -> bool:
        return self._followed and isinstance(way, Link) and bare_address(way.address) == bare_address(self.link_address)

    def _go_to_link_page(self, page: Page, way: Link | Button) -> Page:
        self._followed = True
        if isinstance(way, Link):
            self.link_address = way.address
            return self.driver.follow(page, way)
        if way.opener is not None and self.driver.runs_scripts:
            opened = self.driver.reveal(page, way.opener)
            again = self.finder.way_to_link_page(opened, self.settings.trust.trusts) if opened is not None else None
            if opened is not None and isinstance(again, Button):
                page, way = opened, again
        arrived = self.press(page, way)
        self.link_address = arrived.address
        return arrived

    def renewed_during_submission(self) -> bool:
        """Whether the session ended since this was asked last."""
        renewed, self._renewals_told = self._renewals > self._renewals_told, self._renewals
        return renewed

    def driver_confirming(self, act: t.Callable[[], Page]) -> Page:
        """Do something that may ask "are you sure?" in a dialog of the browser, and say yes."""
        confirming = getattr(self.driver, "confirming", None)
        if confirming is None:
            return act()
        with confirming():
            return act()

    def press(self, page: Page, control: Control, *, check: t.Sequence[int] = ()) -> Page:
        """Follow a link or press a button, with its form if it has one."""
        if isinstance(control, Link):
            return self.driver.follow(page, control)
        button = t.cast(Button, control)
        form: Form | None = page.form_of(button)
        return (
            self.driver.press(page, button) if form is None else self.driver.send(page, form, {}, button, check=check)
        )

    def _passes_by(self, page: Page, times: int) -> bool:
        """Whether the same page may be acted upon again."""
        key = f"{page.place}|{page.title}|{'|'.join(page.headings[:2])}"
        self._passed_by[key] = self._passed_by.get(key, 0) + 1
        return self._passed_by[key] <= times

    # Telling

    def new_texts(self, page: Page, before: set[str]) -> list[str]:
        """What the page says that the one before did not, notices first."""
        texts = [
            notice.text for notice in sorted(page.notices, key=lambda notice: notice.tone != "error")
        ] + page.blocks
        return [text for text in dict.fromkeys(texts) if text not in before]

    def quote(self, text: str) -> str:
        """What the portal said, short and without secrets."""
        # The address is the operator's own and helps to read the message.
        clean = plain(blot(text.replace(self.account.email, "\x00"), self.account.secrets())).replace(
            "\x00", self.account.email
        )
        return clean if len(clean) <= 200 else clean[:197] + "..."

    def _note(self, page: Page, kind: str, recognised: t.Mapping[str, t.Any]) -> None:
        self.recognised.append(
            {
                "page": kind,
                "title": self.quote(page.title),
                "address": page.place,
                "recognised": {name: value for name, value in recognised.items() if value},
                "notices": [self.quote(notice.text) for notice in page.notices[:5]],
                "found": describe(page),
            }
        )

    def _link_parts(self, view: LinkView) -> dict[str, t.Any]:
        form = view.form
        if form is None:
            return {}
        return {
            "access_key_id_field": form.access_key_id.label,
            "secret_access_key_field": form.secret_access_key.label,
            "link_button": form.button.label if form.button else "",
        }


def attempts_left(texts: t.Iterable[str]) -> int | None:
    """The number of attempts that the portal says are left, if it does."""
    for text in texts:
        match = _ATTEMPTS_LEFT.search(text)
        if match:
            number = (match[1] or match[2]).lower()
            return _NUMBERS[number] if number in _NUMBERS else int(number)
    return None


__all__ = ["SAME_CONTENT", "Flow", "LinkView", "attempts_left"]
