# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same calls as the collection makes, by nothing but boto3, requests and a thread pool: the floor to compare with.

Run as a program of its own: C(python bare.py <plan.json> <work>). It keeps keys in plain files and checks nothing that
it does not need, so it is no way to do this job.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import sys
import threading
import typing as t

import boto3
import botocore.config
import requests
from botocore.exceptions import ClientError

POLICY_ARN = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
USER_NAME = "cloudresearch-mturk"
TAGS = [{"Key": "managed-by", "Value": "labops.cloudresearch"}]
CONFIG = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 5})
TOKEN = re.compile(r'name="__RequestVerificationToken"[^>]*value="([^"]*)"')

Lab = dict[str, t.Any]

# A session for each thread would parse botocore's service models anew; making clients of one needs a lock.
_session = boto3.Session(region_name="us-east-1")
_session_lock = threading.Lock()


class LabWork:
    """The work on one lab."""

    def __init__(self, lab: Lab, plan: dict[str, t.Any]) -> None:
        self.lab = lab
        self.plan = plan
        self.file = pathlib.Path(plan["directory"]) / f"{lab['name']}.json"
        self.role: dict[str, str] = {}

    def client(self, service: str, url: str, key: dict[str, str] | None = None) -> t.Any:
        names = {"access_key": "aws_access_key_id", "secret_key": "aws_secret_access_key", "token": "aws_session_token"}
        credentials = {names[name]: value for name, value in (key or {}).items()}
        with _session_lock:
            return _session.client(service, endpoint_url=url, config=CONFIG, **credentials)

    def iam(self) -> t.Any:
        """An IAM client in the lab's role."""
        sts = self.client("sts", self.plan["aws_url"])
        role = f"arn:aws:iam::{self.lab['account_id']}:role/OrganizationAccountAccessRole"
        found = sts.assume_role(RoleArn=role, RoleSessionName="bare")["Credentials"]
        self.role = {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
        }
        return self.client("iam", self.plan["aws_url"], self.role)

    def stored(self) -> dict[str, str] | None:
        return json.loads(self.file.read_text()) if self.file.exists() else None

    def observe(self) -> t.Any:
        """What the collection reads of a lab; the IAM client that it was read with."""
        iam = self.iam()
        keys = iam.list_access_keys(UserName=USER_NAME)["AccessKeyMetadata"] if self.stored() else []
        try:
            iam.get_user(UserName=USER_NAME)
        except ClientError:
            try:
                iam.list_access_keys(UserName=USER_NAME)
            except ClientError:
                self._ask_without_key()
                return iam
        iam.list_attached_user_policies(UserName=USER_NAME)
        iam.list_user_policies(UserName=USER_NAME)
        iam.list_groups_for_user(UserName=USER_NAME)
        self._login_profile(iam)
        for key in keys:
            iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        self.ask_mturk("production")
        self.ask_mturk("sandbox")
        return iam

    def _ask_without_key(self) -> None:
        """Whether there is a service at all; it refuses the credentials of a role."""
        with contextlib.suppress(ClientError):
            self.client("mturk", self.plan["mturk_production_url"], self.role).get_account_balance()

    @staticmethod
    def _login_profile(iam: t.Any) -> None:
        try:
            iam.get_login_profile(UserName=USER_NAME)
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "NoSuchEntity":
                raise

    def ask_mturk(self, environment: str) -> None:
        key = self.stored()
        if key is None:
            return
        try:
            self.client("mturk", self.plan[f"mturk_{environment}_url"], key).get_account_balance()
        except ClientError:
            # A suspended key is refused.
            if self.plan["work"] != "retire":
                raise

    def record(self) -> None:
        """A re-run that believes the record of the link."""
        self.observe()

    def page(self) -> None:
        """A re-run that sees which key the portal shows."""
        self.observe()
        key = self.stored() or {}
        _session, page = self.link_page()
        if key["access_key"] not in page.text:
            raise SystemExit(f"{self.lab['name']}: the portal does not show the key")

    def audit(self) -> None:
        """A lab, and everybody in its account who may call Mechanical Turk."""
        iam = self.observe()
        self.client("sts", self.plan["aws_url"], self.role).get_caller_identity()
        iam.generate_credential_report()
        list(iam.get_paginator("get_account_authorization_details").paginate())
        iam.get_account_summary()
        iam.get_credential_report()

    def link_page(self) -> tuple[requests.Session, requests.Response]:
        session = requests.Session()
        page = session.get(self.plan["portal_url"])
        form = {"Email": self.lab["email"], "Password": self.lab["password"], "RememberMe": "false"}
        form["__RequestVerificationToken"] = self._token(page.text, "signin-form")
        page = session.post(page.url, data=form)
        return session, session.get(f"{self.plan['portal_url']}/MechanicalTurk/Link")

    @staticmethod
    def _token(text: str, form_id: str) -> str:
        found = TOKEN.search(text, text.index(f'id="{form_id}"'))
        assert found
        return found.group(1)

    def onboard(self) -> None:
        """What the collection does for a lab that has nothing yet, call by call."""
        self.observe()
        self._make_user()
        self._make_key()
        self.ask_mturk("production")
        self.ask_mturk("sandbox")
        self._link()

    def _make_user(self) -> None:
        # What amazon.aws.iam_user asks, in its order.
        iam = self.iam()
        try:
            iam.get_user(UserName=USER_NAME)
        except ClientError:
            iam.create_user(UserName=USER_NAME, Tags=TAGS)
        iam.get_user(UserName=USER_NAME)
        iam.list_attached_user_policies(UserName=USER_NAME)
        iam.attach_user_policy(UserName=USER_NAME, PolicyArn=POLICY_ARN)
        iam.get_user(UserName=USER_NAME)
        iam.list_attached_user_policies(UserName=USER_NAME)

    def _make_key(self) -> None:
        iam = self.iam()
        self._keys(iam)
        made = iam.create_access_key(UserName=USER_NAME)["AccessKey"]
        with open(self.file, "w", encoding="utf-8", opener=_only_mine) as file:
            json.dump({"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}, file)
        self.ask_mturk("production")

    @staticmethod
    def _keys(iam: t.Any) -> list[str]:
        iam.get_user(UserName=USER_NAME)
        return [key["AccessKeyId"] for key in iam.list_access_keys(UserName=USER_NAME)["AccessKeyMetadata"]]

    @staticmethod
    def _deactivate(iam: t.Any, key_id: str) -> None:
        iam.get_access_key_last_used(AccessKeyId=key_id)
        iam.update_access_key(UserName=USER_NAME, AccessKeyId=key_id, Status="Inactive")

    def rotate(self) -> None:
        """A new key, entered at the portal, then without the old one."""
        self.observe()
        old = (self.stored() or {})["access_key"]
        self._make_key()
        self._link()
        iam = self.iam()
        self._keys(iam)
        self._deactivate(iam, old)
        iam.get_access_key_last_used(AccessKeyId=old)
        iam.delete_access_key(UserName=USER_NAME, AccessKeyId=old)

    def suspend(self) -> None:
        """All keys out of service."""
        self.observe()
        iam = self.iam()
        for key_id in self._keys(iam):
            iam.tag_user(UserName=USER_NAME, Tags=[{"Key": "suspended", "Value": key_id}])
            self._deactivate(iam, key_id)

    def retire(self) -> None:
        """Nothing left: no key, no user, no stored secret."""
        self.observe().list_entities_for_policy(PolicyArn=POLICY_ARN)
        self.link_page()
        iam = self.iam()
        for key_id in self._keys(iam):
            iam.get_access_key_last_used(AccessKeyId=key_id)
            iam.delete_access_key(UserName=USER_NAME, AccessKeyId=key_id)
        self.file.unlink()
        self._remove_user()

    def _remove_user(self) -> None:
        # What amazon.aws.iam_user asks, in its order.
        iam = self.iam()
        iam.get_user(UserName=USER_NAME)
        self._login_profile(iam)
        iam.list_access_keys(UserName=USER_NAME)
        iam.list_ssh_public_keys(UserName=USER_NAME)
        iam.list_service_specific_credentials(UserName=USER_NAME)
        iam.list_signing_certificates(UserName=USER_NAME)
        iam.list_mfa_devices(UserName=USER_NAME)
        iam.list_attached_user_policies(UserName=USER_NAME)
        iam.detach_user_policy(UserName=USER_NAME, PolicyArn=POLICY_ARN)
        iam.list_user_policies(UserName=USER_NAME)
        iam.list_groups_for_user(UserName=USER_NAME)
        iam.delete_user(UserName=USER_NAME)

    def _link(self) -> None:
        session, page = self.link_page()
        key = self.stored() or {}
        form = {"AccessKeyId": key["access_key"], "SecretAccessKey": key["secret_key"]}
        form["__RequestVerificationToken"] = self._token(page.text, "link-form")
        page = session.post(f"{self.plan['portal_url']}/MechanicalTurk/Link", data=form)
        if "Success" not in page.text:
            raise SystemExit(f"{self.lab['name']}: the portal did not take the key")


def _only_mine(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def work_on(lab: Lab, plan: dict[str, t.Any]) -> None:
    """One lab; the works are called like the methods that do them."""
    getattr(LabWork(lab, plan), plan["work"])()


def main() -> None:
    """All labs."""
    plan = {**json.loads(pathlib.Path(sys.argv[1]).read_text()), "work": sys.argv[2]}
    with concurrent.futures.ThreadPoolExecutor(max_workers=plan["at_once"]) as pool:
        for done in [pool.submit(work_on, lab, plan) for lab in plan["labs"]]:
            done.result()


if __name__ == "__main__":
    main()
