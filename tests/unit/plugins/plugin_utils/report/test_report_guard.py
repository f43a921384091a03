# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import random

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, guard
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, outcomes, situation

# The example key of AWS's documentation; nobody's.
EXAMPLE = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "text",
    [
        f"the key is {EXAMPLE}.",
        f'{{"SecretAccessKey": "{EXAMPLE}"}}',
        "aws_secret_access_key = abcdefghijklmnop",
        "-----BEGIN RSA PRIVATE KEY-----",
        "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP",
        "$ANSIBLE_VAULT;1.1;AES256",
    ],
)
def test_secrets_are_seen(text):
    assert guard.secret_kind(text)


def test_random_keys_are_seen():
    rng = random.Random(7)
    seen = sum(bool(guard.secret_kind(base64.b64encode(rng.randbytes(30)).decode())) for _turn in range(2000))
    assert seen >= 1990


def test_session_tokens_are_seen():
    token = base64.b64encode(random.Random(7).randbytes(300)).decode()
    assert guard.secret_kind(f"token {token}")


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess",
        "AKIAIOSFODNN7EXAMPLE",
        "/usr/share/ansible/collections/ansible1/labs",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",  # a SHA-1 digest
        "a" * 300,
        "ComputationalSocialPsychologyLaboratory7",
        "https://requester.mturk.com/developer",
    ],
)
def test_other_text_passes(text):
    assert guard.secret_kind(text) == ""


def test_ordinary_reports_pass():
    build.build(outcomes(300), title="Labs", now=NOW)


@pytest.mark.parametrize(
    "place",
    [
        lambda lab, text: lab["steps"][0].update(message=text),
        lambda lab, text: lab["access_keys"][0].update(access_key_id=text),
        lambda lab, text: lab["user"]["groups"].append(text),
        lambda lab, text: lab["requester"]["production"].update(message=text),
        lambda lab, text: lab["link"].update(message=text),
        lambda lab, text: lab.update(next_steps=[{"text": text}]),
    ],
)
def test_a_report_with_a_secret_is_refused_without_repeating_it(place):
    lab = situation("converged")
    place(lab, f"Signed with {EXAMPLE}")
    with pytest.raises(CollectionError) as caught:
        build.build([lab], title="Labs", now=NOW)
    assert "lab-01" in str(caught.value)
    assert EXAMPLE not in str(caught.value.as_result())
    assert caught.value.reason == "looks_like_secret"


def test_a_secret_as_the_name_of_a_lab_or_a_report_is_refused_without_repeating_it():
    for labs, title in (([situation("converged", lab=EXAMPLE)], "Labs"), ([], EXAMPLE)):
        with pytest.raises(CollectionError) as caught:
            build.build(labs, title=title, now=NOW)
        assert EXAMPLE not in str(caught.value.as_result())


def test_values_that_ansible_knows_to_be_secrets_are_masked():
    secrets = pytest.importorskip(
        "ansible.module_utils.secrets", reason="ansible-core 2.22 and later keep them in results"
    )
    secrets.register_secret("tr0ub4dor and three")
    lab = situation("key_not_stored")
    lab["link"]["message"] = "Signed in with tr0ub4dor and three."
    lab["findings"][0]["message"] = "tr0ub4dor and three"
    report = build.build([lab], title="Labs", now=NOW)
    assert "tr0ub4dor" not in json.dumps(report)
    assert report["labs"][0]["link"]["message"].startswith("Signed in with (hidden")
