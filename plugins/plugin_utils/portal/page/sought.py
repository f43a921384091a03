# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked for on a page: which words of the wording name it, and what it is called in messages."""

from __future__ import annotations

import dataclasses
import typing as t

from . import wording as avoid
from .wording import Phrases, Wording


@dataclasses.dataclass(frozen=True)
class Sought:
    """A thing to find.

    :param setting: the field of C(Wording) with its names, which the option C(portal) replaces; empty if there is none.
    :param thing: what it is called in messages.
    :param avoid: words that rule a thing out although it has the right name otherwise.
    """

    setting: str
    thing: str
    avoid: Phrases = ()

    def names_in(self, wording: Wording) -> Phrases:
        """What it goes by."""
        return t.cast(Phrases, getattr(wording, self.setting))


SIGN_IN_FORM = Sought("sign_in_form", "sign-in form")
SIGN_IN_LINK = Sought("sign_in_link", "link to sign in", avoid.NOT_SIGN_IN)
SIGN_IN_BUTTON = Sought("sign_in_button", "sign-in button", avoid.NOT_SIGN_IN)
WAY_TO_SIGN_IN = Sought("sign_in_with_email", "way to sign in", avoid.NOT_GOING_ON)
NO_SIGN_IN_FORM = Sought("email_field", "sign-in form")
LASTING_SESSION = Sought("", "lasting session")
APPLICATION = Sought("application_card", "application to sign in to")
EMAIL = Sought("email_field", "e-mail field", avoid.NOT_EMAIL)
CODE = Sought("code_field", "field for the verification code", avoid.NOT_CODE)
CODE_FORM = Sought("code_field", "form for the verification code")
CODE_BUTTON = Sought("code_button", "button for the verification code", avoid.NOT_SIGN_IN)
WAY_TO_VERIFY = Sought("authenticator_choice", "way to verify", avoid.NOT_GOING_ON)
SKIP = Sought("skip_control", "control", avoid.NOT_GOING_ON)
CONTINUE_BUTTON = Sought("continue_control", "button", avoid.NOT_GOING_ON)
WAY_PAST = Sought("continue_control", "way past this page", avoid.NOT_GOING_ON)
WAY_PAST_TERMS = Sought("", "way past the terms")
WAY_BY_SCRIPT = Sought("", "way on by script")
FORM_WITHOUT_SCRIPT = Sought("", "form that works without JavaScript")
LINK_PAGE = Sought("link_page", "link to the Mechanical Turk page", avoid.NOT_LINK_PAGE)
END_OF_THE_WAY = Sought("link_page", "end of the way to the Mechanical Turk page")
KEY_FORM = Sought("key_form", "form with an access key's two fields")
ACCESS_KEY_ID = Sought("access_key_id_field", "field for the access key ID", avoid.NOT_ACCESS_KEY_ID)
SECRET = Sought("secret_access_key_field", "field for the secret access key", avoid.NOT_SECRET_ACCESS_KEY)
SECRET_AGAIN = Sought("secret_access_key_field", "second field for the secret access key")
LINK_BUTTON = Sought(
    "link_button",
    "button that submits the key",
    (*avoid.NOT_UNLINK, "unlink", "remove", "delete", "cancel", "disconnect", "test", "show"),
)
SUCCESS = Sought("success_notice", "notice of success")
REMOVAL = Sought("unlinked_notice", "notice of removal")
UNLINK = Sought("unlink_control", "control that removes the key", avoid.NOT_UNLINK)
UNLINK_CONFIRM = Sought("unlink_confirm", "control that confirms the removal", avoid.NOT_GOING_ON)
BEGIN = Sought("begin_control", "control that leads to the form", avoid.NOT_GOING_ON)
LAST_STEP = Sought("link_confirm", "control that finishes the link", avoid.NOT_GOING_ON)
CHANGE_KEY = Sought("change_key_control", "control that changes the key", avoid.NOT_CHANGE)
