# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognise text that looks like a secret: the one home of that knowledge.

A roster is not accepted with it, a report not written, and a screen shows a note in its place.
"""

from __future__ import annotations

import itertools
import re

# What names a secret in a heading or a variable name, written without spaces and signs. "secret(?!ar)" leaves
# secretaries and the secretariat alone.
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|wort|phrase|code)|kennwort|contrasena|motdepasse"
    r"|secret(?!ar)|credential|privatekey|apikey|otpauth|authenticatorkey|recoverycode|backupcode"
)
# Too short to be looked for inside other words.
_SECRET_WORDS = frozenset({"otp", "pw", "pwd", "token", "tokens", "totp"})

# Each is a secret wherever it stands.
_SHAPES = (
    ("a TOTP secret", re.compile(r"otpauth://\S+", re.IGNORECASE)),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)")),
    ("a vaulted value", re.compile(r"\$ANSIBLE_VAULT;[\s\S]*")),
    (
        "a secret access key",
        re.compile(r"secret_?access_?key[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+]{16,}", re.IGNORECASE),
    ),
    # Session tokens of STS begin like this and run to hundreds of characters.
    ("an AWS session token", re.compile(r"(?<![A-Za-z0-9/+])(?:FwoG|IQoJ|FQoG)[A-Za-z0-9/+=]{100,}")),
)
# Runs of base64's alphabet that count if they look random. A secret access key has 40 such characters (AWS security
# blog, "A safer way to distribute AWS credentials"); nothing else that we show has as many as a session token.
_RUNS = (
    ("an AWS secret access key", re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])")),
    ("an AWS session token", re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{120,}")),
)

# Random base64 changes between capitals, small letters, digits and signs about 25 times in 40 characters; paths and
# words, a few times. Hexadecimal digests (git, SHA-1) have one case only.
_RANDOM_LENGTH = 40
_LEAST_CHANGES = 12

REDACTED = "(hidden: looks like a secret)"

try:
    # Since ansible-core 2.22, results keep what no_log hides, and whoever writes them to a file has to mask them.
    from ansible.module_utils.secrets import mask_secrets, register_secrets
except ImportError:
    mask_secrets = register_secrets = None


def names_a_secret(name: str) -> bool:
    """Whether a heading or variable name says that a password or another secret is behind it."""
    words = re.split(r"[\W_]+", name.casefold())
    return bool(_SECRET_NAME.search("".join(words))) or not _SECRET_WORDS.isdisjoint(words)


def secret_in(text: str) -> str:
    """What kind of secret the text seems to hold, such as C(an AWS secret access key); empty if none."""
    for kind, shape in _SHAPES:
        if shape.search(text):
            return kind
    for kind, run in _RUNS:
        if any(_is_random(found.group()) for found in run.finditer(text)):
            return kind
    return ""


def register(*values: object) -> None:
    """Tell Ansible that these are secrets, so that it shows none of them, wherever they come to stand.

    This is for secrets that come from elsewhere than options with C(no_log), which Ansible knows itself: stores and
    AWS. Before ansible-core 2.22 nothing can be told.
    """
    if register_secrets:
        register_secrets([str(value) for value in values if value])


def mask_registered(text: str) -> str:
    """The text without the values that Ansible knows to be secrets, as it masks them in its own output.

    Before ansible-core 2.22, Ansible takes them out of results itself, and the text stays as it is.
    """
    return str(mask_secrets(text, mask_placeholder=REDACTED)) if mask_secrets else text


def redact(text: str) -> str:
    """The text with whatever is known as a secret, or looks like one, taken out."""
    text = mask_registered(text)
    for _kind, shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    for _kind, run in _RUNS:
        text = run.sub(lambda found: REDACTED if _is_random(found.group()) else found.group(), text)
    return text


def _is_random(run: str) -> bool:
    kinds = [_character_class(character) for character in run[:_RANDOM_LENGTH]]
    changes = sum(before != after for before, after in itertools.pairwise(kinds))
    return {"A", "a", "0"} <= set(kinds) and changes >= _LEAST_CHANGES


def _character_class(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isupper():
        return "A"
    return "a" if character.islower() else "/"
