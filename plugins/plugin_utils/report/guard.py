# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last gate before a report: refuses text that looks like a secret.

The allow-list in C(model) keeps unknown fields out, and C(intake) masks what Ansible knows to be a secret. This looks
into what is left, because free text (a message, an inventory name) may carry anything.
"""

from __future__ import annotations

from ..base.errors import CollectionError
from ..base.masking import secret_in as secret_kind


def refuse_secrets(value: object, *, lab: str = "", path: str = "") -> None:
    """Walk through C(value) and stop at the first text that looks like a secret.

    :param lab: the lab that the value belongs to, for the message. It is left out when it is the secret itself.
    :param path: where the value stands, for the message.
    :raises CollectionError: something looks like a secret. The message names the place, never the text.
    """
    if isinstance(value, str):
        kind = secret_kind(value)
        if kind:
            whose = f" of lab {lab}" if lab and not secret_kind(lab) else ""
            raise CollectionError(
                f"The report was not written: the field {path}{whose} looks like {kind}.",
                next_step="Find out how it got there, treat it as leaked if it is real, and run the report again.",
                reason="looks_like_secret",
            )
    elif isinstance(value, dict):
        for name, item in value.items():
            refuse_secrets(str(name), lab=lab, path=f"{path} (a name in it)" if path else "(a name)")
            refuse_secrets(item, lab=lab, path=f"{path}.{name}" if path else str(name))
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            refuse_secrets(item, lab=lab, path=f"{path}[{number}]")
