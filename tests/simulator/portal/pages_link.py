# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The link page: what is linked, the form at the bottom, the answer to a key, and unlinking."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from . import rules
from .pages_app import change_password_form, newsletter_form, profile_form
from .site import route
from .visit import Button, Field, Form, Visit

Notice = dict[str, str]

_OBSTACLES = {"trap": "Your request could not be processed.", "captcha": "Please show that you are not a robot."}


def _key_form(visit: Visit, entered_id: str = "") -> Form:
    renamed = visit.fault("renamed_fields", "link")
    labels = ("Marketplace user", "Marketplace token") if renamed else ("access_key_id", "secret_access_key")
    fields = [
        Field("access_key_id", labels[0], value=entered_id, autocomplete="off"),
        Field("secret_access_key", labels[1], visit.rendering.secret_input, autocomplete="off"),
    ]
    form = visit.form("link", visit.path("link"), fields, [Button(visit.word("submit"))])
    if visit.fault("captcha_in_form", "link"):
        visit.add_captcha(form)
    away = visit.fault("foreign_action", "link")
    if away:
        form.action = away.value or f"{visit.site.origins.foreign}/collect"
    away = visit.fault("foreign_script", "link")
    if away:
        form.buttons[0].formaction = away.value or f"{visit.site.origins.foreign}/collect"
    if visit.fault("no_button", "link"):
        form.buttons = []
    return form


def link_page(visit: Visit, notices: list[Notice] | None = None, entered_id: str = "") -> Response:
    """The page with other content and forms above and the key's form at the bottom."""
    linked = visit.account.linked is not None
    behind = visit.rendering.form_when_linked == "behind_link" and linked and "replace" not in visit.request.args
    forms = [] if behind or visit.fault("no_form", "link") else [_key_form(visit, entered_id)]
    if visit.fault("ambiguous_form", "link"):
        forms.append(_key_form(visit))
    others = [profile_form(visit), change_password_form(visit)] if visit.rendering.other_forms else []
    unlink = None
    if linked and visit.rendering.unlink:
        unlink = visit.form("unlink", visit.path("unlink"), [], [Button(visit.word("unlink"), look="plain")])
    return visit.render(
        "link.html",
        forms=forms,
        others=others,
        newsletter=newsletter_form(visit) if visit.rendering.other_forms else None,
        unlink=unlink,
        behind=behind,
        shown_key=rules.shown_key(visit.account, visit.rendering.shown_key),
        notices=notices or [],
    )


@route("link", private=True)
def link(visit: Visit) -> Response:
    """The link page."""
    if visit.rendering.drawn == "script_link_page":
        return visit.render("script_island.html")
    return link_page(visit)


def outcome_notices(visit: Visit, result: rules.KeyOutcome, access_key_id: str) -> list[Notice]:
    """What the site says about an entered key (faults may make it say something else, or nothing)."""
    word = visit.word
    if visit.fault("no_notice", "submit"):
        return []
    good = {"kind": "success", "title": word("success"), "text": word("success_text")}
    bad = {"kind": "error", "title": word("error"), "text": word("refused_text").format(key=access_key_id)}
    if result.outcome == "invalid":
        texts = [word("required").format(label=word(name)) for name in result.missing]
        return [{"kind": "error", "title": "", "text": text} for text in texts]
    if result.outcome == "unreachable":
        return [{**bad, "text": word("unreachable_text")}]
    if visit.fault("both_notices", "submit"):
        return [good, bad]
    if visit.fault("hidden_success", "submit"):
        return [{**good, "kind": "hidden"}, bad]
    return [good if result.outcome == "linked" else bad]


@route("link", "POST", private=True)
def submit(visit: Visit) -> Response:
    """A key was entered."""
    values = visit.posted("link")
    if visit.state.knobs.submit_seconds:
        visit.site.stopping.wait(visit.state.knobs.submit_seconds)
    for obstacle, text in _OBSTACLES.items():
        if values.get(obstacle):
            visit.state.log_submission(**_log_values(visit, values), outcome=obstacle)
            return link_page(visit, [{"kind": "error", "title": "", "text": text}])
    result = rules.submit_key(
        visit.state,
        visit.account,
        values["access_key_id"],
        values["secret_access_key"],
        method=visit.method,
        path=visit.request.path,
        rendering=visit.rendering.name,
    )
    notices = outcome_notices(visit, result, values["access_key_id"])
    if result.outcome != "linked":
        return link_page(visit, notices, values["access_key_id"])
    if visit.rendering.success == "heading":
        return visit.render("result.html", said=notices)
    if visit.rendering.success in ("flash", "toast"):
        assert visit.session is not None
        visit.session.flash += notices
        return visit.go("link")
    return link_page(visit, notices)


def _log_values(visit: Visit, values: dict[str, str]) -> dict[str, Any]:
    return {
        "account": visit.email,
        "method": visit.method,
        "path": visit.request.path,
        "access_key_id": values["access_key_id"],
        "secret_fingerprint": "",
        "rendering": visit.rendering.name,
    }


@route("unlink", "POST", private=True)
def unlink(visit: Visit) -> Response:
    """The Unlink control; some renderings ask once more."""
    kind = "unlink_sure" if "sure" in visit.request.args else "unlink"
    values = visit.posted(kind)
    if visit.rendering.unlink_asks and kind == "unlink":
        sure = visit.path("unlink") + "?sure=1"
        buttons = [Button("Cancel", "cancel", look="plain"), Button(f"Yes, {visit.word('unlink').lower()}", "yes")]
        form = visit.form("unlink_sure", sure, [], buttons)
        return visit.render("plain_form.html", heading="Are you sure?", text="Studies on MTurk will stop.", form=form)
    if kind == "unlink" or values["button"] == "yes":
        rules.unlink_key(visit.state, visit.account)
        notice = {"kind": "success", "title": visit.word("success"), "text": visit.word("unlinked_text")}
        assert visit.session is not None
        visit.session.flash += [] if visit.fault("no_notice", "unlink") else [notice]
    return visit.go("link")
