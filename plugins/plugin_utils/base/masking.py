# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognise text that looks like a secret, so that it is neither accepted in a roster nor shown on a screen."""

from __future__ import annotations

import re

# What names a secret in a heading or a variable name, written without spaces and signs. "secret(?!ar)" leaves
# secretaries and the secretariat alone.
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|wort|phrase|code)|kennwort|contrasena|motdepasse"
    r"|secret(?!ar)|credential|privatekey|apikey|otpauth|authenticatorkey|recoverycode|backupcode"
)
# Too short to be looked for inside other words.
_SECRET_WORDS = frozenset({"otp", "pw", "pwd", "token", "tokens", "totp"})

# A secret access key has 40 characters of this alphabet (AWS's own secret scanners use the same shape).
_FORTY = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_SHAPES = (
    ("a TOTP secret", re.compile(r"otpauth://\S+", re.IGNORECASE)),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)")),
    # Session tokens of STS begin like this and run to hundreds of characters.
    ("an AWS session token", re.compile(r"(?<![A-Za-z0-9/+=])(?:FwoG|IQoJ|FQoG)[A-Za-z0-9/+=]{100,}")),
)
REDACTED = "(hidden: looks like a secret)"


def names_a_secret(name: str) -> bool:
    """Whether a heading or variable name says that a password or another secret is behind it."""
    words = re.split(r"[\W_]+", name.casefold())
    return bool(_SECRET_NAME.search("".join(words))) or not _SECRET_WORDS.isdisjoint(words)


def secret_in(text: str) -> str:
    """What kind of secret the text seems to hold, such as C(an AWS secret access key); empty if none."""
    for kind, shape in _SHAPES:
        if shape.search(text):
            return kind
    if any(_is_random(found.group()) for found in _FORTY.finditer(text)):
        return "an AWS secret access key"
    return ""


def redact(text: str) -> str:
    """The text with whatever looks like a secret taken out."""
    for _kind, shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    return _FORTY.sub(lambda found: REDACTED if _is_random(found.group()) else found.group(), text)


def _is_random(forty: str) -> bool:
    # Hexadecimal digests (git, SHA-1) also have 40 characters, but not both cases.
    return bool(re.search(r"[a-z]", forty) and re.search(r"[A-Z]", forty) and re.search(r"[0-9]", forty))
