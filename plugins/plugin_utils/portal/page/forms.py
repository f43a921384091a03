# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a form sends, by the HTML standard's rules for "constructing the entry list"."""

from __future__ import annotations

import re
import typing as t

from .elements import Button, Fill, Form

# ASP.NET Web Forms: a link that sends the page's form, naming itself in two hidden fields.
_POST_BACK = re.compile(
    r"__doPostBack\(\s*'([^']*)'\s*,\s*'([^']*)'\s*\)|__doPostBack\(\s*\"([^\"]*)\"\s*,\s*\"([^\"]*)\"\s*\)"
)
_PLAIN_SUBMIT = re.compile(r"\.\s*(?:submit|requestSubmit)\s*\(")


def post_back(script: str) -> dict[str, str] | None:
    """What to add to the form for a button whose script only sends it; None if the script does something else."""
    match = _POST_BACK.search(script)
    if match:
        return {"__EVENTTARGET": match[1] or match[3] or "", "__EVENTARGUMENT": match[2] or match[4] or ""}
    return {} if _PLAIN_SUBMIT.search(script) else None


def successful_controls(
    form: Form, fill: Fill, button: Button | None, check: t.Sequence[int] = (), extra: t.Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Names and values to send, in the order of the page: hidden fields and tokens as they are, ours filled in.

    :param fill: values by the fields' C(ref).
    :param check: boxes to tick.
    :param extra: values that replace those of hidden fields of these names.
    """
    left = dict(extra or {})
    pairs: list[tuple[str, str]] = []
    for field in form.fields:
        if field.ref in fill:
            if field.name:
                pairs.append((field.name, fill[field.ref]))
            continue
        if not field.name or field.disabled:
            continue
        if field.kind in ("checkbox", "radio"):
            if field.checked or field.ref in check:
                pairs.append((field.name, field.value))
        elif field.kind == "file":
            pairs.append((field.name, ""))
        elif field.name in left and field.kind == "hidden":
            pairs.append((field.name, left.pop(field.name)))
        elif field.kind == "hidden" and field.name == "_charset_":
            pairs.append((field.name, "utf-8"))
        elif field.kind != "select" or field.options:
            pairs.append((field.name, field.value))
    pairs += list(left.items())
    if button is not None:
        if button.kind == "image":
            dot = f"{button.name}." if button.name else ""
            pairs += [(f"{dot}x", "1"), (f"{dot}y", "1")]
        elif button.name:
            pairs.append((button.name, button.value))
    return pairs
