# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the stores' tables: what a server or AWS says, the reason, and what is to be done."""

from __future__ import annotations

import pathlib

import hvac
import pytest
import requests
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, SSLError

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.advice import advise
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import hashi_client
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.aws_ssm import ParameterStore
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.base import Surroundings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.reasons import StoreReason

RIGHTS = "read on secret/data/*"
Vault = hvac.exceptions
CASES: list[tuple[Exception, str, str, str]] = [
    (Vault.Forbidden(errors=["permission denied"]), "store_denied", "(permission denied)", RIGHTS),
    (Vault.Unauthorized("no token"), "store_denied", "(Unauthorized)", "token or AppRole"),
    (Vault.VaultDown(errors=["Vault is sealed"]), "store_sealed", "is sealed", "unsealed"),
    (Vault.VaultDown(errors=["standby"]), "store_unavailable", "said: standby", "store.mount_point"),
    (Vault.InvalidPath(), "store_unavailable", "said: InvalidPath", "store.mount_point"),
    (requests.exceptions.SSLError("certificate verify failed"), "store_tls", "is not trusted", "store.ca_cert"),
    (requests.exceptions.InvalidURL("it sends on"), "store_tls", "it sends on", "https://"),
    (hashi_client.UnusableAnswer("it is too large"), "store_unavailable", "it is too large", "store.prefix"),
    (hashi_client.NotAsked("not asked: no answer for lab-03"), "store_unreachable", "for lab-03", "the cause first"),
    (requests.exceptions.ConnectionError("refused"), "store_unreachable", "(ConnectionError)", "the network"),
    (requests.exceptions.ReadTimeout(), "store_unreachable", "(ReadTimeout)", "the network"),
]


@pytest.mark.parametrize(("exc", "reason", "told", "step"), CASES, ids=repr)
def test_what_vault_and_openbao_answer(exc: Exception, reason: str, told: str, step: str) -> None:
    with pytest.raises(CollectionError) as caught, hashi_client.saying("read the record", RIGHTS):
        raise exc
    assert (caught.value.reason, told in caught.value.message, step in caught.value.next_step) == (reason, True, True)
    assert caught.value.message.startswith("Could not read the record: ") and "{" not in caught.value.next_step
    assert caught.value.message.endswith(".") and not caught.value.message.endswith("..")


def test_every_row_for_vault_is_tried() -> None:
    names = [[cls.__name__ for cls in type(exc).__mro__] for exc, *_told in CASES]
    said = ["; ".join(getattr(exc, "errors", None) or ()) for exc, *_told in CASES]
    tried = {advise(hashi_client.VAULT_ROWS, *case, rights="").row for case in zip(names, said, strict=True)}
    assert tried == set(hashi_client.VAULT_ROWS)


@pytest.mark.parametrize(
    ("exc", "reason"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "No."}}, "GetParameter"), "store_denied"),
        (SSLError(endpoint_url="x", error="certificate verify failed"), "store_tls"),
        (ConnectTimeoutError(endpoint_url="x"), "store_unreachable"),
        # Whatever else AWS says keeps its reason (see the tests of its table).
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "Slow."}}, "GetParameter"), "throttled"),
    ],
)
def test_what_aws_says_of_a_store_is_said_of_the_store(exc: ClientError | BotoCoreError, reason: str) -> None:
    store = ParameterStore({"type": "aws_ssm", "account": "central"}, Surroundings())
    with pytest.raises(CollectionError) as caught, store.saying("read", "lab-01"):
        raise exc
    assert caught.value.reason == reason and "lab-01" in caught.value.message and caught.value.next_step


def test_every_reason_is_explained_in_the_troubleshooting_guide() -> None:
    guide = pathlib.Path(__file__).parents[5] / "docs" / "docsite" / "rst" / "guide_troubleshooting.rst"
    if not guide.exists():
        pytest.skip("the installed collection has no guides")
    text = guide.read_text(encoding="utf-8")
    assert not [reason.value for reason in StoreReason if f"``{reason.value}``" not in text]
