# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request being answered: who comes, in which rendering, with which form, and how the answer is put together."""

from __future__ import annotations

import functools
import html
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import jinja2
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from .records import PortalAccount, PortalFault, Session
from .renderings import WORDS, Rendering, rendering_named
from .rules import current_balance
from .state import FormTicket, PortalState

if TYPE_CHECKING:
    from .site import Site

TOKEN = "__RequestVerificationToken"
SESSION_COOKIES = {"app": ".AspNet.ApplicationCookie", "signin": "idsrv.session"}
FLOW_COOKIES = {"app": ".AspNet.TwoFactorCookie", "signin": "idsrv.external"}
FORGERY_COOKIES = {"app": TOKEN, "signin": ".AspNetCore.Antiforgery.w5W7x28NAIs"}
BROWSER_COOKIE = ".AspNet.TwoFactorRememberBrowser"
CORRELATION_COOKIE = ".AspNet.Correlation.oidc"

_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


class BadForm(Exception):
    """A form that the site does not take: answered with a 400 page."""


@dataclass
class Field:
    """A form's field as a page needs it. `key` is what we call it; `name` and `id` are what the page calls it."""

    key: str
    label: str = ""
    type: str = "text"
    value: str = ""
    autocomplete: str = ""
    required: bool = True
    name: str = ""
    id: str = ""
    problem: str = ""


@dataclass
class Button:
    """What one presses. A form with several needs `value` to tell them apart."""

    text: str
    value: str = ""
    name: str = ""
    sent: str = ""
    look: str = "primary"
    formaction: str = ""


@dataclass
class Form:
    """A form for the templates."""

    kind: str
    action: str
    fields: list[Field]
    buttons: list[Button]
    token: str
    cookie_name: str = TOKEN
    honeypots: list[Field] = field(default_factory=list)
    heading: str = ""
    #: Whether it goes to the page's own address, so that some renderings leave the action out.
    here: bool = False
    captcha: bool = False


class Visit:
    """A request and everything around it."""

    def __init__(self, site: Site, request: Request) -> None:
        self.site = site
        self.state: PortalState = site.state
        self.request = request
        self.method = "GET" if request.method == "HEAD" else request.method
        self.role = site.role
        self.session: Session | None = self.state.session(
            request.cookies.get(SESSION_COOKIES[self.role], ""), self.role
        )
        self.flow_cookie = request.cookies.get(FLOW_COOKIES[self.role], "")
        self.flow = self.state.flow(self.flow_cookie)
        self._cookies: list[tuple[str, str, dict[str, Any]]] = []
        self._forgery_cookie = request.cookies.get(FORGERY_COOKIES[self.role], "")
        self._email = self.session.email if self.session else (self.flow or {}).get("email", "")
        self.rendering: Rendering = self._find_rendering()
        slug = self.session.slug if self.session else ""
        self.page = request.path if request.path.startswith("/api/") else self.rendering.page_at(request.path, slug)
        if not self._email and self.method == "POST" and self.page in ("signin", "/api/signin"):
            self._email = self._peek_email()

    # Who

    @property
    def email(self) -> str:
        """The account this request is about, as far as one can tell."""
        return self._email

    @email.setter
    def email(self, value: str) -> None:
        self._email = value

    @property
    def account(self) -> PortalAccount:
        """The signed-in person's account."""
        account = self.state.account(self.session.email) if self.session else None
        if account is None:
            raise LookupError("nobody is signed in")
        return account

    def _peek_email(self) -> str:
        if self.request.is_json:
            return str((self.request.get_json(silent=True) or {}).get("email", ""))
        ticket = self.state.ticket(self.request.form.get(TOKEN, ""))
        return self.request.form.get(ticket.names.get("email", ""), "") if ticket else ""

    def _find_rendering(self) -> Rendering:
        if self.site.rendering:
            return rendering_named(self.site.rendering)
        account = self.state.account(self._email) if self._email else None
        return rendering_named((account.rendering if account else "") or self.state.rendering)

    def forget_session(self, everywhere: bool = False) -> None:
        """The session is over, on the server's side."""
        if self.session is None:
            return
        self.state.end_session(self.session.sid)
        if everywhere:
            self.state.expire_sessions(self.session.email)
        self.session = None

    # Faults

    @property
    def fault_page(self) -> str:
        """This request by the words of records.PAGES."""
        page, post = self.page, self.method == "POST"
        if page.startswith("/api/"):
            name = page.removeprefix("/api/")
            if name == "site":
                return "dashboard" if self.session else "signin"
            if name == "link":
                return "submit" if post else "link"
            return {"signin": "password", "code": "code", "unlink": "unlink", "account": "dashboard"}.get(name, name)
        if page == "link":
            return "submit" if post else "link"
        if page in ("signin", "password"):
            return "password" if post and (page == "password" or not self.rendering.two_pages) else "signin"
        if page == "second_factor":
            return "code" if post else "second_factor"
        if page in ("whats_new", "terms", "announcement"):
            return "interstitial"
        if page in ("integrations", "menu_page"):
            return "settings"
        return page

    def fault(self, kind: str, page: str = "") -> PortalFault | None:
        """Whether a fault is to be acted out now (and so used up)."""
        return self.state.take_fault(kind, page or self.fault_page, self._email)

    @functools.cached_property
    def menu_entry(self) -> str:
        """What leads to the link page, as written; "" when a fault has taken it away."""
        if self.fault("no_menu_entry"):
            return ""
        renamed = self.fault("renamed_menu_entry")
        return (renamed.value or "Worker marketplace") if renamed else self.word("link_entry")

    # Addresses

    def word(self, key: str) -> str:
        """What this rendering writes for a thing."""
        return self.rendering.word(key)

    def path(self, page: str) -> str:
        """The path of a page for this visitor."""
        return self.rendering.path(page, self.session.slug if self.session else "")

    def local(self, address: str) -> str:
        """A ReturnUrl if it stays on this site, else the page one starts from."""
        parts = urlsplit(address)
        safe = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc
        start = "dashboard" if self.role == "app" else "landing"
        return address if safe and address != "/" else self.path(start)

    def go(self, page: str, return_url: str = "") -> Response:
        """Redirect to a page of this origin."""
        return self.go_to(self.path(page) + (f"?ReturnUrl={quote(return_url, safe='')}" if return_url else ""))

    def go_to(self, address: str) -> Response:
        """Redirect to an address."""
        return redirect(address, 302)

    def need_signin(self) -> Response:
        """Send an unknown visitor to sign in and then back here (an API answers 401)."""
        if self.page.startswith("/api/"):
            return self.json({"error": "signed_out"}, 401)
        back = self.request.full_path.rstrip("?") if self.method == "GET" else self.request.path
        if self.rendering.signin_on == "app":
            return self.go("signin", back)
        from .pages_oidc import begin_signin

        return begin_signin(self, back)

    def next_interstitial(self) -> Response | None:
        """A page that this person has to see first."""
        if self.page in ("whats_new", "terms", "announcement", "signout") or self.page.startswith("/api/"):
            return None
        for page in self.rendering.interstitials:
            if page not in self.account.seen:
                return self.go(page, self.request.full_path.rstrip("?"))
        return None

    # Forms

    @property
    def identity(self) -> str:
        """What anti-forgery tokens are bound to."""
        return self.session.sid if self.session else ""

    def form(self, kind: str, action: str, fields: list[Field], buttons: list[Button], **more: Any) -> Form:
        """Make a form: names and ids in the rendering's way, and its anti-forgery token."""
        fresh = self.rendering.random_names
        names: dict[str, str] = {}
        pressed: dict[str, tuple[str, str]] = {}
        honeypots = []
        if "honeypot" in self.rendering.decoys and kind in ("signin", "link"):
            honeypots = [Field("trap_website", "Website", required=False), Field("trap_fax", "Fax", required=False)]
        for item in (*fields, *honeypots):
            item.name = f"f{secrets.token_hex(5)}" if fresh else _pascal(item.key.removeprefix("trap_"))
            item.id = item.name if fresh else f"{_pascal(kind)}_{item.name}"
            item.label = self.rendering.word(item.label) if item.label in WORDS else item.label
            names[item.key] = item.name
        image = self.rendering.button == "image"
        for number, button in enumerate(buttons):
            if self.rendering.named_button and not button.value:
                button.value = kind
            if button.value or image:
                button.name = f"b{secrets.token_hex(4)}" if fresh else f"command{number or ''}"
                # The value of an <input type=submit> is what stands on it.
                written_on_it = self.rendering.button in ("input", "anchor")
                button.sent = html.unescape(button.text) if written_on_it else button.value
                pressed[button.value] = (button.name, button.sent)
        form = Form(kind, action, fields, buttons, self._new_token(kind, names, pressed), honeypots=honeypots, **more)
        form.here = action == self.request.full_path.rstrip("?")
        return form

    def add_captcha(self, form: Form) -> None:
        """Make a form one that is refused without a solved CAPTCHA (and this site has none that can be solved)."""
        ticket = self.state.ticket(form.token)
        assert ticket is not None
        ticket.names["captcha"] = "g-recaptcha-response"
        form.captcha = True

    def _new_token(self, kind: str, names: dict[str, str], buttons: dict[str, tuple[str, str]]) -> str:
        if not self._forgery_cookie:
            self._forgery_cookie = self.state.issue(32)
            self.set_cookie(FORGERY_COOKIES[self.role], self._forgery_cookie, same_site="Strict")
        return self.state.new_ticket(FormTicket(self._forgery_cookie, self.identity, kind, names, buttons))

    def header_token(self) -> str:
        """A token for scripts, which send it in the header RequestVerificationToken."""
        return self._new_token("api", {}, {})

    def check_token(self, kind: str, token: str | None) -> FormTicket:
        """The token's ticket; BadForm when it is missing, unknown, or another browser's, session's or form's."""
        cookie = self.request.cookies.get(FORGERY_COOKIES[self.role], "")
        if not cookie:
            raise BadForm(f"The required anti-forgery cookie {FORGERY_COOKIES[self.role]!r} is not present.")
        if not token:
            raise BadForm(f"The required anti-forgery form field {TOKEN!r} is not present.")
        ticket = self.state.ticket(token)
        if ticket is None or ticket.cookie != cookie:
            raise BadForm("The anti-forgery cookie token and form field token do not match.")
        if ticket.identity != self.identity:
            raise BadForm("The provided anti-forgery token was meant for a different user than the current one.")
        if ticket.form != kind:
            raise BadForm("The provided anti-forgery token was meant for a different form.")
        return ticket

    def posted(self, kind: str) -> dict[str, str]:
        """The values of a sent form by our own keys; the pressed button's value as "button". BadForm as check_token."""
        sent = self.request.form
        ticket = self.check_token(kind, sent.get(TOKEN))
        values = {key: sent.get(name, "") for key, name in ticket.names.items()}
        pressed = [value for value, (name, sends) in ticket.buttons.items() if self._is_pressed(name, sends)]
        if ticket.buttons:
            if len(pressed) != 1:
                raise BadForm("The form was sent without one of its buttons.")
            values["button"] = pressed[0]
        if "captcha" in ticket.names:
            values["captcha"] = "not solved"
        if any(values.get(key) for key in values if key.startswith("trap_")):
            values["trap"] = "filled"
        return values

    def _is_pressed(self, name: str, sends: str) -> bool:
        sent = self.request.form
        if self.rendering.button == "image":
            return sent.get(f"{name}.x", "").isdigit() and sent.get(f"{name}.y", "").isdigit()
        return sent.get(name) == sends

    # Answers

    def set_cookie(self, name: str, value: str, same_site: str | None = "Lax", seconds: int | None = None) -> None:
        """Give the browser a cookie ("" takes it away)."""
        age = 0 if not value else seconds
        secure = self.request.scheme == "https"
        options = {"httponly": True, "samesite": same_site, "max_age": age, "path": "/", "secure": secure}
        self._cookies = [cookie for cookie in self._cookies if cookie[0] != name]
        self._cookies.append((name, value, options))

    def finish(self, response: Response) -> None:
        """What every answer of this visit carries."""
        for name, value, options in self._cookies:
            response.set_cookie(name, value, **options)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Frame-Options"] = "SAMEORIGIN"

    def json(self, values: Any, status: int = 200) -> Response:
        """An API's answer."""

        return Response(json.dumps(values), status, mimetype="application/json")

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        account = self.state.account(self.session.email) if self.session and self.role == "app" else None
        in_app = account is not None
        wanted = account is not None and self.page in self.rendering.balance_on
        balance = current_balance(self.state, account) if account and wanted else None
        notices = values.pop("notices", [])
        if self.session is not None and self.role == "app" and self.method == "GET":
            notices = [*self.session.flash, *notices]
            self.session.flash = []

        def href(address: str) -> str:
            """An address as the page writes it: with <base href="/"> the first slash is not needed."""
            return address.removeprefix("/") or "./" if self.rendering.base_href else address

        page = _PAGES.get_template(template).render(
            {
                "visit": self,
                "r": self.rendering,
                "w": self.word,
                "path": lambda name: href(self.path(name)),
                "href": href,
                "account": account,
                "in_app": in_app,
                "balance": balance,
                "notices": notices,
                "toast_delay": self.state.knobs.toast_delay_ms,
                "nonce": secrets.token_hex(4),
                **values,
            }
        )
        return Response(page, status, mimetype="text/html")

    def message(self, kind: str, status: int, retry_after: float | str | None = None, detail: str = "") -> Response:
        """A page that says one thing (templates/message.html knows which)."""
        if self.page.startswith("/api/"):
            response = self.json({"error": kind, "detail": detail}, status if status != 200 else 403)
        else:
            response = self.render("message.html", status, kind=kind, detail=detail)
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after if isinstance(retry_after, str) else str(int(retry_after))
        return response


def _pascal(key: str) -> str:
    return "".join(part.capitalize() for part in key.split("_"))
