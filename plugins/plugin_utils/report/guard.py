# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last gate before a report: refuses text that looks like a secret.

The allow-list in C(model) keeps unknown fields out. This looks into the allowed ones, because free text (a message, an
inventory name) may carry anything.
"""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError

# A secret access key is 40 characters of base64's alphabet (AWS security blog, "A safer way to distribute AWS
# credentials"); temporary ones come with a far longer session token.
_CANDIDATE = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9/+]{120,}")
_NAMED = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"otpauth://", re.IGNORECASE), "a second factor's secret"),
    (re.compile(r"secret_?access_?key[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+]{16,}", re.IGNORECASE), "a secret access key"),
    (re.compile(r"\$ANSIBLE_VAULT;"), "a vaulted value"),
)

# Random base64 changes between capitals, small letters, digits and signs about 25 times in 40 characters; paths and
# words, a few times. Hexadecimal digests have one case only.
_LEAST_CHANGES = 12


def secret_kind(text: str) -> str:
    """What sort of secret C(text) seems to hold, in words; empty when it holds none."""
    for pattern, kind in _NAMED:
        if pattern.search(text):
            return kind
    for match in _CANDIDATE.finditer(text):
        if _is_random(match.group()):
            return "an AWS secret access key"
    for match in _LONG_TOKEN.finditer(text):
        if _is_random(match.group()[:40]):
            return "an AWS session token"
    return ""


def refuse_secrets(value: t.Any, *, lab: str = "", path: str = "") -> None:
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


def _is_random(text: str) -> bool:
    kinds = [_kind(character) for character in text]
    changes = sum(1 for before, after in itertools.pairwise(kinds) if before != after)
    return {"A", "a", "0"} <= set(kinds) and changes >= _LEAST_CHANGES


def _kind(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isupper():
        return "A"
    return "a" if character.islower() else "/"
