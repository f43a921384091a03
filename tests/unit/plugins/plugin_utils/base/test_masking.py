# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import random

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import masking

# The example key of AWS's documentation; nobody's.
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjE" + base64.b64encode(random.Random(7).randbytes(200)).decode()


@pytest.mark.parametrize(
    ("text", "kind", "left"),
    [
        (f"key {SECRET}.", "an AWS secret access key", "key {}."),
        (f"key={SECRET}", "an AWS secret access key", "key={}"),
        ("AWS_SECRET_ACCESS_KEY=abcdefghijklmnop", "a secret access key", "AWS_{}"),
        (f"token {TOKEN} end", "an AWS session token", "token {} end"),
        (f"token {TOKEN[17:]}", "an AWS session token", "token {}"),
        ("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP end", "a TOTP secret", "{} end"),
        ("a $ANSIBLE_VAULT;1.1;AES256 6162", "a vaulted value", "a {}"),
        (
            "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- end",
            "a private key",
            "{} end",
        ),
    ],
)
def test_secrets_are_recognised_and_taken_out(text: str, kind: str, left: str) -> None:
    assert masking.secret_in(text) == kind
    assert masking.redact(text).rstrip("=") == left.format(masking.REDACTED)
    assert masking.secret_in(masking.redact(text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess",
        "AKIAIOSFODNN7EXAMPLE",
        "/usr/share/ansible/collections/ansible1/labs",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "https://requester.mturk.com/developer",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert masking.secret_in(text) == "" and masking.redact(text) == text
