# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same calls as the collection makes, by nothing but boto3, requests and a thread pool: the floor to compare with.

Run as a program of its own: C(python bare.py <plan.json> <work>). It keeps keys in plain files and checks nothing that
it does not need, so it is no way to do this job.
"""

from __future__ import annotations

import concurrent.futures
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
        key = {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
        }
        return self.client("iam", self.plan["aws_url"], key)

    def stored(self) -> dict[str, str] | None:
        return json.loads(self.file.read_text()) if self.file.exists() else None

    def observe(self) -> None:
        """What the collection reads of a lab."""
        iam = self.iam()
        keys = iam.list_access_keys(UserName=USER_NAME)["AccessKeyMetadata"] if self.stored() else []
        try:
            iam.get_user(UserName=USER_NAME)
        except ClientError:
            try:
                iam.list_access_keys(UserName=USER_NAME)
            except ClientError:
                return
        iam.list_attached_user_policies(UserName=USER_NAME)
        iam.list_user_policies(UserName=USER_NAME)
        iam.list_groups_for_user(UserName=USER_NAME)
        try:
            iam.get_login_profile(UserName=USER_NAME)
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "NoSuchEntity":
                raise
        for key in keys:
            iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        self.ask_mturk("production")
        self.ask_mturk("sandbox")

    def ask_mturk(self, environment: str) -> None:
        key = self.stored()
        if key:
            self.client("mturk", self.plan[f"mturk_{environment}_url"], key).get_account_balance()

    def look(self) -> None:
        """Which key the portal shows."""
        key = self.stored() or {}
        _session, page = self.link_page()
        if key["access_key"] not in page.text:
            raise SystemExit(f"{self.lab['name']}: the portal does not show the key")

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
        iam.get_user(UserName=USER_NAME)
        iam.list_access_keys(UserName=USER_NAME)
        made = iam.create_access_key(UserName=USER_NAME)["AccessKey"]
        with open(self.file, "w", encoding="utf-8", opener=_only_mine) as file:
            json.dump({"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}, file)
        self.ask_mturk("production")

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


def work_on(lab: Lab, plan: dict[str, t.Any], work: str) -> None:
    """One lab, one kind of work."""
    lab_work = LabWork(lab, plan)
    if work == "onboard":
        lab_work.onboard()
    else:
        lab_work.observe()
        if work == "page":
            lab_work.look()


def main() -> None:
    """All labs."""
    plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
    with concurrent.futures.ThreadPoolExecutor(max_workers=plan["at_once"]) as pool:
        for done in [pool.submit(work_on, lab, plan, sys.argv[2]) for lab in plan["labs"]]:
            done.result()


if __name__ == "__main__":
    main()
