# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts something around each call of a client, by an event that is there for that (boto3's "Extensibility guide")."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    import botocore.session

# A method of a client: the client comes first.
Call = t.Callable[..., t.Any]


def wrap_calls(session: botocore.session.Session, wrap: t.Callable[[Call], Call]) -> None:
    """Let the clients that a session of botocore makes from now on have C(wrap) around each of their calls.

    Of several, the one that was asked for last is outermost.
    """

    def wrap_all(class_attributes: dict[str, t.Any], **_others: object) -> None:
        for name, call in class_attributes.items():
            if callable(call) and not name.startswith("_"):
                class_attributes[name] = wrap(call)

    session.register("creating-client-class", wrap_all)
