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
  - Creates one inventory host for each account of an AWS organization; each account is one research lab.
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
  external_id:
    description: The external id that the trust policy of O(assume_role_arn) requires.
    type: str
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
      - The sources of host names, in order of preference. The first that gives a name is used.
      - V(name) is the account's name, V(id) its id, V(email) the root user's e-mail address, V(tag:Key) the value of
        its tag C(Key).
      - Characters that host names cannot have become hyphens; the account id is the last resort.
      - The host name decides which C(host_vars), and so which passwords, a lab gets, and it is the lab's name in the
        secret store. Whoever owns an account can change its name and e-mail address, but neither its id nor its tags in
        the organization. So use V(name) and V(email) only if the people in the labs cannot change them.
      - If several accounts lead to the same name (case does not matter), all of them get their account id appended, and
        a warning lists them. A name from a tag stays with its account if the others got theirs from something else.
    type: list
    elements: str
    default: [id]
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
  - The group sets C(ansible_connection) to P(labops.cloudresearch.aws_account#connection) and
    C(ansible_python_interpreter) to the Python that runs Ansible, so that tasks run on this machine, inside the lab's
    account. Override them in C(group_vars).
  - >-
    Needs C(organizations:ListRoots), C(organizations:ListOrganizationalUnitsForParent) and
    C(organizations:ListAccountsForParent), for tags C(organizations:ListTagsForResource), in the management account or
    in a member account that is a delegated administrator.
  - The cache is not used after a change of the options that say what to read.
  - Ansible continues with an empty inventory if a source cannot be read. Set
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true) so that a refusal by AWS stops the run.
seealso:
  - plugin: labops.cloudresearch.aws_account
    plugin_type: connection
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

import json
import typing as t

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..plugin_utils.aws.connection import AwsConnection
from ..plugin_utils.base.errors import CollectionError
from ..plugin_utils.base.vocabulary import ACCOUNT_ID_VARIABLE
from ..plugin_utils.fleet.inventory_labs import add_labs, has_name_of, refuse_unknown_options
from ..plugin_utils.fleet.organization import Account, OrganizationReader, Selection
from ..plugin_utils.fleet.organization_hosts import check_preferences, name_accounts

GROUP = "aws_organization"

KEY_OPTIONS = ("access_key", "secret_key", "session_token")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "labops.cloudresearch.aws_organization"
    INVENTORY_FILE_SUFFIXES = ("aws_organization.yml", "aws_organization.yaml")

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and has_name_of(self, path, self.INVENTORY_FILE_SUFFIXES)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        refuse_unknown_options(self, path, self._read_config_data(path))
        try:
            self._populate(self._accounts(path, cache))
        except CollectionError as exc:
            # Ansible shows the message of a cause once more; it would say nothing new.
            raise AnsibleParserError(f"{path}: {exc} {exc.next_step}".rstrip()) from None

    def _templated_option(self, name: str) -> t.Any:
        """The value of an option; what looks like a template in the file is one."""
        value = self.get_option(name)
        return self.templar.template(value) if value else value

    def _accounts(self, path: str, cache: bool) -> list[Account]:
        selection = Selection(
            organizational_units=self._templated_option("organizational_units"),
            exclude_organizational_units=self._templated_option("exclude_organizational_units"),
            statuses=self._templated_option("statuses"),
            tags=self._templated_option("tags"),
            include_management_account=self.get_option("include_management_account"),
        )
        question = self._cache_condition(selection)
        uses_cache = bool(self.get_option("cache"))
        key = self.get_cache_key(path)
        if cache and uses_cache:
            cached = self._cache.get(key)
            if isinstance(cached, dict) and cached.get("question") == question:
                return list(cached["accounts"])
        accounts = self._read_accounts(selection)
        if uses_cache:
            self._cache[key] = {"question": question, "accounts": accounts}
        return accounts

    def _cache_condition(self, selection: Selection) -> str:
        """What decides on the answer, as text: a cached answer to another question is of no use."""
        connection = {name: self._templated_option(name) for name in ("profile", "endpoint_url", "assume_role_arn")}
        return json.dumps([vars(selection), self._needs_tags(), connection], sort_keys=True, default=str)

    def _connection(self) -> AwsConnection:
        names = ("assume_role_arn", "external_id", "region", "endpoint_url")
        params = {name: self._templated_option(name) for name in names}
        written = self._credentials(written=True)
        # What the file says goes before what the environment says; of that, keys go before a profile, as in boto3.
        if not written:
            written = self._credentials(written=False)
            if written.get("access_key"):
                written.pop("profile", None)
        return AwsConnection({**params, **written})

    def _credentials(self, *, written: bool) -> dict[str, t.Any]:
        """The options for credentials that stand in the file, or those that come from the environment."""
        found = {name: self.get_option_and_origin(name) for name in (*KEY_OPTIONS, "profile")}
        return {
            name: self._templated_option(name)
            for name, (value, origin) in found.items()
            if value and written != str(origin).startswith("env:")
        }

    def _read_accounts(self, selection: Selection) -> list[Account]:
        aws = self._connection()
        reader = OrganizationReader(
            # Organizations throttles early.
            aws.client("organizations", max_attempts=6),
            lambda: str(aws.client("sts").get_caller_identity()["Account"]),
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
            self.display.warning(f"The accounts come without their tags: {exc}")
            return accounts
        tagged: list[Account] = [{**account, "tags": tags[account["id"]]} for account in accounts]
        return [account for account in tagged if selection.has_tags(account["tags"])]

    def _needs_tags(self) -> bool:
        wish = self.get_option("fetch_tags")
        if wish == "auto":
            mentions = ("tags", "hostnames", "compose", "groups", "keyed_groups")
            return bool(self.get_option("tags")) or any("tag" in str(self.get_option(name)) for name in mentions)
        return bool(wish == "always" or self.get_option("tags"))

    def _populate(self, accounts: list[Account]) -> None:
        preferences = [str(preference) for preference in self._templated_option("hostnames")]
        check_preferences(preferences)
        names, warnings = name_accounts(accounts, preferences)
        if not accounts:
            warnings.append("The organization has no account that fits organizational_units, statuses and tags.")
        for warning in warnings:
            self.display.warning(warning)
        labs = {names[account["id"]]: self._host_variables(account) for account in accounts}
        add_labs(self, GROUP, dict(sorted(labs.items())))

    def _host_variables(self, account: Account) -> dict[str, t.Any]:
        prefix, suffix = self.get_option("hostvars_prefix") or "", self.get_option("hostvars_suffix") or ""
        variables = {
            f"{prefix}{name if name.startswith('organizational_unit') else 'account_' + name}{suffix}": value
            for name, value in account.items()
        }
        return {**variables, ACCOUNT_ID_VARIABLE: account["id"]}
