# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: aws_organization
short_description: Labs from the accounts of an AWS organization
version_added: 1.0.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - Makes one inventory host of each account of an AWS organization, one account being one research lab.
  - The inventory source is a YAML file that ends with V(aws_organization.yml) or V(aws_organization.yaml).
  - Options, templates in options, caching and constructed groups work as in the inventory plugins of C(amazon.aws).
  - Account names, tags and everything else that comes from AWS is plain text for Ansible and never run as a template.
extends_documentation_fragment:
  - inventory_cache
  - constructed
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - amazon.aws.assume_role.plugins
options:
  plugin:
    description: Marks the file as one for this plugin.
    type: str
    required: true
    choices: ['labops.cloudresearch.aws_organization', 'aws_organization']
  organizational_units:
    description:
      - Take only accounts in these organizational units and in all units below them.
      - A unit is named by its id (V(ou-ab12-cdefgh34)), by its path from the root (V(/Research/Psychology)), or by its
        name if that occurs once. Case does not matter in names.
      - V(/) or the id of the root means all accounts, which is also what an empty list means.
    type: list
    elements: str
    default: []
  exclude_organizational_units:
    description:
      - Leave out the accounts in these organizational units and in all units below them.
      - Units are named as in O(organizational_units), and excluding goes before including.
    type: list
    elements: str
    default: []
  statuses:
    description:
      - Take only accounts of these statuses. V(all) takes every account.
      - AWS knows V(PENDING_ACTIVATION), V(ACTIVE), V(SUSPENDED), V(PENDING_CLOSURE) and V(CLOSED).
    type: list
    elements: str
    default: [ACTIVE]
  tags:
    description:
      - Take only accounts that have these tags. All keys must be there.
      - The value is a text, a list of texts of which one must fit, or V(null) if any value will do.
    type: dict
    default: {}
  include_management_account:
    description:
      - Whether the organization's management account is a lab as well.
      - The role V(OrganizationAccountAccessRole) does not exist in it.
    type: bool
    default: false
  hostnames:
    description:
      - What host names are made from, in order of preference. The first that gives a name is taken.
      - V(name) is the account's name, V(id) its id, V(email) the root user's e-mail address, V(tag:Key) the value of
        its tag C(Key).
      - Characters that host names cannot have become hyphens; the account id is the last resort.
      - If accounts lead to the same name (case does not matter), the one that joined the organization first keeps it,
        the others get their account id behind it, and a warning says so.
      - The host name is also the lab's name in the secret store. Prefer V(id) or a tag where account names change.
    type: list
    elements: str
    default: [name, id]
  fetch_tags:
    description:
      - Whether to read the tags of accounts, which costs one call for each account.
      - V(auto) reads them if O(tags), O(hostnames), O(compose), O(groups) or O(keyed_groups) mention tags.
      - Without tags the host variable C(aws_account_tags) is not set.
    type: str
    choices: [auto, always, never]
    default: auto
  strict_permissions:
    description:
      - Whether it is an error if reading tags is denied. With V(false) a warning says so and the accounts come without.
      - Without tags O(tags) cannot be applied, so then it is always an error.
    type: bool
    default: true
  hostvars_prefix:
    description:
      - The prefix of the host variables that come from AWS.
      - The variable C(lab_account_aws_account_id), which the role P(labops.cloudresearch.lab_account#role) reads, has
        always this name.
    type: str
    default: aws_
  hostvars_suffix:
    description: The suffix of the host variables that come from AWS.
    type: str
    default: ''
notes:
  - >-
    Host variables (with the default prefix): C(aws_account_id), C(aws_account_name), C(aws_account_email),
    C(aws_account_arn), C(aws_account_status), C(aws_account_joined), C(aws_account_joined_method), C(aws_account_tags),
    C(aws_organizational_unit_path), C(aws_organizational_unit_ids), C(aws_organizational_unit_names), and
    C(lab_account_aws_account_id).
  - All labs are members of the group C(aws_organization).
  - >-
    Needs C(organizations:ListRoots), C(organizations:ListOrganizationalUnitsForParent) and
    C(organizations:ListAccountsForParent), for tags C(organizations:ListTagsForResource), in the management account or
    in a member account that is a delegated administrator.
  - The cache is not used after a change of the options that say what to read.
  - Ansible goes on with an empty inventory when a source cannot be read. Set
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true) so that a refusal by AWS stops the run.
seealso:
  - plugin: labops.cloudresearch.lab_roster
    plugin_type: inventory
"""

EXAMPLES = r"""
# labs.aws_organization.yml: all active accounts of two units and of the units below them
plugin: labops.cloudresearch.aws_organization
profile: org-audit
organizational_units:
  - /Research
  - ou-ab12-cdefgh34
exclude_organizational_units:
  - /Research/Closing down

---

# Labs that are tagged for MTurk, named by a tag, grouped by department and unit
plugin: labops.cloudresearch.aws_organization
assume_role_arn: arn:aws:iam::123456789012:role/ReadOrganization
tags:
  mturk:
    - production
    - sandbox
  # any value
  lab: null
hostnames:
  - tag:lab
  - id
strict: true
compose:
  lab_account_cloudresearch_email: aws_account_tags.cloudresearch_email
keyed_groups:
  - prefix: department
    key: aws_account_tags.department | default('none')
  - prefix: unit
    key: aws_organizational_unit_names
groups:
  closing: aws_account_status != 'ACTIVE'
statuses: [all]
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/labs

---

# Templates in options
plugin: labops.cloudresearch.aws_organization
profile: "{{ lookup('ansible.builtin.env', 'LABS_PROFILE') | default('labs', true) }}"
organizational_units:
  - "{{ lookup('ansible.builtin.env', 'LABS_UNIT') }}"
"""

import contextlib
import json
import typing as t

with contextlib.suppress(ImportError):  # require_aws_sdk in the base class says so
    from botocore.config import Config

from ansible.errors import AnsibleParserError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.amazon.aws.plugins.plugin_utils.inventory import AWSInventoryBase

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import GLOBAL_REGION, AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.organization import (
    OrganizationReader,
    Selection,
    check_preferences,
    name_accounts,
)

GROUP = "aws_organization"


class InventoryModule(AWSInventoryBase):
    NAME = "labops.cloudresearch.aws_organization"
    INVENTORY_FILE_SUFFIXES = ("aws_organization.yml", "aws_organization.yaml")

    class TemplatedOptions(AWSInventoryBase.TemplatedOptions):
        TEMPLATABLE_OPTIONS = (
            *AWSInventoryBase.TemplatedOptions.TEMPLATABLE_OPTIONS,
            "organizational_units",
            "exclude_organizational_units",
            "statuses",
            "tags",
            "hostnames",
        )

        def get(self, *args: t.Any) -> t.Any:
            # As in the base class, without the argument disable_lookups, which newer versions of Ansible warn about.
            value = self.original_options.get(*args)
            return self.templar.template(value) if value and args[0] in self.TEMPLATABLE_OPTIONS else value

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        try:
            super().parse(inventory, loader, path, cache=cache)
            self._populate(self._accounts(path, cache))
        except CollectionError as exc:
            # Ansible shows the message of a cause once more; it would say nothing new.
            raise AnsibleParserError(f"{path}: {exc} {exc.next_step}".rstrip()) from None

    def client(self, service: str, *args: t.Any, **kwargs: t.Any) -> t.Any:
        # Organizations and STS answer in one region of each partition; AWS's main one need not be named.
        kwargs.setdefault("region", self.region or GLOBAL_REGION)
        # Organizations throttles early; standard mode backs off with jitter, and gives up after half a minute at most.
        kwargs.setdefault("config", Config(retries={"mode": "standard", "total_max_attempts": 6}))
        return super().client(service, *args, **kwargs)

    def _freeze_iam_role(self, iam_role_arn: str) -> None:
        # The base class names the session after the plugin, which is longer than the 64 characters that STS allows.
        names = ("access_key", "secret_key", "session_token", "profile", "region", "endpoint_url", "assume_role_arn")
        assumed = AwsConnection({name: self.get_option(name) for name in names}).credentials()
        self._frozen_credentials = {
            "profile_name": None,
            "aws_access_key_id": assumed["access_key"],
            "aws_secret_access_key": assumed["secret_key"],
            "aws_session_token": assumed["session_token"],
        }

    def _accounts(self, path: str, cache: bool) -> list[dict[str, t.Any]]:
        selection = Selection(
            organizational_units=self.get_option("organizational_units"),
            exclude_organizational_units=self.get_option("exclude_organizational_units"),
            statuses=self.get_option("statuses"),
            tags=self.get_option("tags"),
            include_management_account=self.get_option("include_management_account"),
        )
        question = self._question(selection)
        was_cached, cached = self.get_cached_result(path, cache)
        if was_cached and isinstance(cached, dict) and cached.get("question") == question:
            return list(cached["accounts"])
        accounts = self._read_accounts(selection)
        # Not the caller's `cache`: with it the base class would keep an older answer to another question.
        self.update_cached_result(path, False, {"question": question, "accounts": accounts})
        return accounts

    def _question(self, selection: Selection) -> str:
        """What decides on the answer, as text: a cached answer to another question is of no use."""
        connection = {name: self.get_option(name) for name in ("profile", "endpoint_url", "assume_role_arn")}
        return json.dumps([vars(selection), self._needs_tags(), connection], sort_keys=True, default=str)

    def _read_accounts(self, selection: Selection) -> list[dict[str, t.Any]]:
        reader = OrganizationReader(
            self.client("organizations"), lambda: str(self.client("sts").get_caller_identity()["Account"])
        )
        accounts = reader.accounts(selection)
        if not self._needs_tags():
            return accounts
        try:
            tags = reader.tags([account["id"] for account in accounts])
        except CollectionError as exc:
            denied = exc.reason in ("access_denied", "not_management_account")
            if self.get_option("strict_permissions") or selection.tags or not denied:
                raise
            self.warn(f"The accounts come without their tags: {exc}")
            return accounts
        tagged = [{**account, "tags": tags[account["id"]]} for account in accounts]
        return [account for account in tagged if selection.has_tags(account["tags"])]

    def _needs_tags(self) -> bool:
        wish = self.get_option("fetch_tags")
        if wish == "auto":
            mentions = ("tags", "hostnames", "compose", "groups", "keyed_groups")
            return bool(self.get_option("tags")) or any("tag" in str(self.get_option(name)) for name in mentions)
        return bool(wish == "always" or self.get_option("tags"))

    def _populate(self, accounts: list[dict[str, t.Any]]) -> None:
        preferences = [str(preference) for preference in self.get_option("hostnames")]
        check_preferences(preferences)
        names, warnings = name_accounts(accounts, preferences)
        for warning in warnings:
            self.warn(warning)
        self.inventory.add_group(GROUP)
        if not accounts:
            self.warn("The organization has no account that fits organizational_units, statuses and tags.")
        for account in sorted(accounts, key=lambda account: names[account["id"]]):
            self._add_lab(names[account["id"]], self._host_variables(account))

    def _host_variables(self, account: dict[str, t.Any]) -> dict[str, t.Any]:
        prefix, suffix = self.get_option("hostvars_prefix") or "", self.get_option("hostvars_suffix") or ""
        variables = {
            f"{prefix}{name if name.startswith('organizational_unit') else 'account_' + name}{suffix}": value
            for name, value in account.items()
        }
        # Names and tags are text that others wrote: never templates, whatever they look like.
        return t.cast("dict[str, t.Any]", wrap_var({**variables, "lab_account_aws_account_id": account["id"]}))

    def _add_lab(self, host: str, variables: dict[str, t.Any]) -> None:
        self.inventory.add_host(host, group=GROUP)
        for name, value in variables.items():
            self.inventory.set_variable(host, name, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)
