#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: mturk_access_key
short_description: Keep one usable access key of an IAM user, its secret in a store
version_added: 1.0.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - Makes sure that a lab's IAM user has exactly one usable access key whose secret is in the store. Creates, replaces
    and removes keys so that no secret is lost and no key in use is cut off.
  - A key is created, stored and proved to work in one task. If it cannot be stored it is deleted again at once; if the
    run is killed in between, the next run finds and deletes what was left.
  - A replaced key stays until the portal is known to hold its successor (O(linked_access_key_id) in this or an earlier
    run).
  - Keys that the collection did not create are never touched unless O(remove_foreign_keys) names them.
  - The secret never leaves the store; get it with the lookup P(labops.cloudresearch.lab_secret#lookup).
  - This is an action plugin. It runs on the control node, whatever the task's host is, because that is where the vault
    passwords and the store are.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - labops.cloudresearch.aws.assume_role
  - labops.cloudresearch.store
options:
  state:
    description:
      - V(present) makes sure that there is a usable key, and finishes whatever an earlier run began.
      - V(rotated) starts to replace the key; if a replacement is under way already, it continues that one.
      - V(suspended) deactivates the keys that are in the store, and those that O(remove_foreign_keys) names. Nothing
        is deleted, and the store and the portal stay as they are. V(present) activates the same keys again. The time
        of the suspension is recorded in a tag of the IAM user, C(labops-cloudresearch-suspended-) and the key's id.
      - V(absent) deactivates and deletes the keys that are in the store, then removes the lab's record. The role
        P(labops.cloudresearch.lab_account#role) unlinks the portal first.
    type: str
    choices: [present, rotated, suspended, absent]
    default: present
  lab:
    description:
      - The lab's name in the store; letters, digits, dots, hyphens and underscores.
    type: str
    required: true
  user_name:
    description:
      - The IAM user.
    type: str
    default: cloudresearch-mturk
  max_age_days:
    description:
      - Rotate keys that are older than this many days. By default a key's age does not matter.
    type: int
  retire_superseded:
    description:
      - Deactivate and delete replaced keys as soon as that is safe. It is safe once the portal is known
        to hold another key, or none, and nobody uses the replaced key any more.
    type: bool
    default: true
  grace_days:
    description:
      - Keep a replaced key inactive for this many days before a run deletes it. Until then it can be activated again.
    type: int
    default: 0
  retire_after_days:
    description:
      - With O(state=absent), suspend keys first, and delete them in a run at least this many days later. For a key that
        was used or activated since, the days start again.
    type: int
    default: 0
  report_directory:
    description:
      - Where C(key-changes.jsonl) is, to which each change of a key is added as soon as AWS has confirmed it, so that a
        report has what a killed run did, too.
    type: path
    version_added: 1.1.0
  adopt_existing_user:
    description:
      - Whether to manage the keys of an IAM user that lacks the tag C(managed-by=labops.cloudresearch).
    type: bool
    default: false
  remove_foreign_keys:
    description:
      - Ids of keys that the collection did not create and that may be deleted. They are deleted only when the portal is
        known not to hold them or, where that is not known, when they are inactive; with O(state=absent) at once.
    type: list
    elements: str
    default: []
  observed_at:
    description:
      - When the lab was observed, from RV(labops.cloudresearch.lab_account_info#module:lab_account.observed_at).
      - With O(state=rotated), a key that was created since then, by another run, is not replaced again.
    type: str
  linked_access_key_id:
    description:
      - The key that the portal is known to hold, from RV(labops.cloudresearch.cloudresearch_link#module:link). It is
        recorded in the store.
    type: str
  link_status:
    description:
      - What is known about the portal. V(not_linked) means that it holds no key; use it for labs that have no portal.
      - Default is V(linked) if O(linked_access_key_id) is given, else V(unknown), which leaves what an earlier run
        recorded.
    type: str
    choices: [linked, not_linked, other_key, unknown]
  link_evidence:
    description:
      - How it is known.
    type: str
    choices: [page, record, submission, key_use]
  production_endpoint_url:
    description:
      - Prove new keys against MTurk at this address instead of AWS's own.
    type: str
  propagation_timeout:
    description:
      - Wait up to this many seconds for a new key to work. AWS needs some seconds to make a key known everywhere.
    type: int
    default: 90
notes:
  - With O(state=rotated) each finished replacement is followed by another one in the next run. For regular replacement
    use O(max_age_days).
attributes:
  check_mode:
    support: full
    description: Reads AWS and the store, and predicts the same actions; a missing IAM user is assumed to be created by
      then.
  diff_mode:
    support: full
    description: Shows the keys and the record before and after, without secrets.
  async:
    support: none
    description: Supports being used with the C(async) keyword.
requirements:
  - "hvac >= 2.1.0 (for O(store.type=hashi_vault))"
seealso:
  - plugin: labops.cloudresearch.lab_secret
    plugin_type: lookup
  - module: labops.cloudresearch.cloudresearch_link
  - module: labops.cloudresearch.mturk_requester_check
"""

EXAMPLES = r"""
- name: Make sure that the lab has a key, in a vault-encrypted file
  labops.cloudresearch.mturk_access_key:
    lab: "{{ inventory_hostname }}"
    assume_role_arn: arn:aws:iam::123456789012:role/OrganizationAccountAccessRole
    store:
      type: ansible_vault
      directory: "{{ inventory_dir }}/lab_keys"
  register: key

- name: Link the key at CloudResearch
  labops.cloudresearch.cloudresearch_link:
    email: lab-01@example.edu
    password: "{{ lab_password }}"
    access_key_id: "{{ key.access_key_id }}"
    secret_access_key: "{{ lookup('labops.cloudresearch.lab_secret', inventory_hostname, store=lab_store,
      access_key_id=key.access_key_id) }}"
  register: linked

- name: Remove the replaced key two weeks later
  labops.cloudresearch.mturk_access_key:
    lab: "{{ inventory_hostname }}"
    profile: lab-01
    store: "{{ lab_store }}"
    linked_access_key_id: "{{ linked.link.access_key_id }}"
    link_evidence: "{{ linked.link.evidence }}"
    grace_days: 14

- name: Replace keys that are older than 90 days, stored in a central AWS account
  labops.cloudresearch.mturk_access_key:
    lab: "{{ inventory_hostname }}"
    profile: lab-01
    max_age_days: 90
    store:
      type: aws_secretsmanager
      profile: research-computing
      region: eu-central-1
      kms_key_id: alias/lab-keys

- name: Remove the lab's keys and its record
  labops.cloudresearch.mturk_access_key:
    lab: "{{ inventory_hostname }}"
    profile: lab-01
    state: absent
    store: "{{ lab_store }}"
"""

RETURN = r"""
access_key_id:
  description: The key that the portal should hold; empty if there is none. In check mode V((new key\)) stands for one
    to be created.
  type: str
  returned: always
  sample: AKIAIOSFODNN7EXAMPLE
actions:
  description: What was done, or in check mode would be done, in order.
  type: list
  elements: str
  returned: always
  sample: ["create and store key AKIAIOSFODNN7EXAMPLE", "prove that key AKIAIOSFODNN7EXAMPLE works"]
access_keys:
  description: The user's keys.
  type: list
  elements: dict
  returned: success
  contains:
    access_key_id:
      description: The key's id.
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    status:
      description: V(Active) or V(Inactive).
      type: str
      sample: Active
    created:
      description: When it was created.
      type: str
      sample: "2026-01-31T12:00:00Z"
    age_days:
      description: Its age in whole days.
      type: int
      sample: 12
    last_used:
      description: When it was last used; V(null) if never, or if nobody had to ask.
      type: str
      sample: null
    last_used_service:
      description: For which AWS service it was last used.
      type: str
      sample: mturk-requester
    owner:
      description: V(ours), or V(foreign) for keys that the collection did not create.
      type: str
      sample: ours
    stored:
      description: Whether its secret is in the store.
      type: bool
      sample: true
    slot:
      description: V(current), V(pending) (not known to be linked yet), V(superseded), or empty if it is not stored.
      type: str
      sample: current
    suspended_on:
      description: Since when it is suspended; V(null) if it is not.
      type: str
      sample: null
    may_go_on:
      description: From when on a retirement may delete the suspended key; V(null) without O(retire_after_days).
      type: str
      sample: null
notes:
  description: What has to wait, and what a person should know.
  type: list
  elements: dict
  returned: success
  contains:
    code:
      description: A fixed word, such as V(pending_key_not_linked), V(superseded_key_may_be_linked),
        V(superseded_key_in_use), V(superseded_key_in_grace), V(suspended_key_waits), V(foreign_key) or
        V(foreign_key_held_back).
      type: str
      sample: pending_key_not_linked
    message:
      description: What it is about.
      type: str
      sample: >-
        Key AKIAIOSFODNN7EXAMPLE waits to be linked at the portal; until then key AKIAI44QH8DHBEXAMPLE stays in use.
    next_step:
      description: What to do.
      type: str
      sample: "Link key AKIAIOSFODNN7EXAMPLE at the portal (role lab_account does)."
    access_key_id:
      description: The key it is about.
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
retired_keys:
  description: The keys that were deactivated or deleted, or in check mode would be.
  type: list
  elements: dict
  returned: success
  contains:
    access_key_id:
      description: The key.
      type: str
      sample: AKIAI44QH8DHBEXAMPLE
    deactivated_at:
      description: When it was deactivated; null if it was not, and in check mode.
      type: str
      sample: "2026-01-31T12:02:00Z"
    deleted_at:
      description: When it was deleted; null if it was not, and in check mode.
      type: str
      sample: "2026-01-31T12:02:01Z"
    deactivated:
      description: Whether it was deactivated, or in check mode would be.
      type: bool
      sample: true
    deleted:
      description: Whether it was deleted, or in check mode would be.
      type: bool
      sample: true
    owner:
      description: V(ours), V(foreign) or V(unknown).
      type: str
      sample: ours
    created:
      description: When it was created.
      type: str
      sample: "2025-01-31T12:00:00Z"
    last_used:
      description: When it was last used before, if that was read; null if never.
      type: str
      sample: "2026-01-30T08:15:00Z"
    last_used_service:
      description: For which service.
      type: str
      sample: mturk-requester
changes:
  description: Each change of a key that AWS confirmed, in order; empty in check mode. A failed task returns it, too.
  type: list
  elements: dict
  returned: always
  contains:
    time:
      description: When it was made.
      type: str
      sample: "2026-01-31T12:02:00Z"
    action:
      description: V(created), V(activated), V(deactivated) or V(deleted).
      type: str
      sample: deactivated
    caller_arn:
      description: Who made it; empty if AWS did not tell.
      type: str
      sample: arn:aws:sts::123456789012:assumed-role/OrganizationAccountAccessRole/labops.cloudresearch
    request_id:
      description: By which AWS CloudTrail lists the call.
      type: str
      sample: 7a62c49f-347e-4fc4-9331-6e8eEXAMPLE
    account_id:
      description: The AWS account.
      type: str
      sample: "123456789012"
    principal:
      description: The ARN of the key's user.
      type: str
      sample: arn:aws:iam::123456789012:user/cloudresearch-mturk
    access_key_id:
      description: The key.
      type: str
      sample: AKIAI44QH8DHBEXAMPLE
    last_used_before:
      description: When the key was last used before; empty if never, or if AWS did not tell.
      type: str
      sample: "2026-01-30T08:15:00Z"
    last_used_service:
      description: For which service.
      type: str
      sample: mturk-requester
proof:
  description: How a new key was proved to work in this run.
  type: dict
  returned: when a key was proved
  contains:
    by:
      description: V(mturk) when MTurk accepted the key; V(sts) when only AWS did because MTurk gave no answer.
      type: str
      sample: mturk
    status:
      description: What MTurk's answer means, as in RV(labops.cloudresearch.mturk_requester_check#module:environments).
      type: str
      sample: not_linked
    message:
      description: The same in words.
      type: str
      sample: MTurk (production) accepted the key.
record:
  description: What the store holds of the lab, without the secrets; empty if nothing.
  type: dict
  returned: success
  sample:
    lab: lab-01
    account_id: "123456789012"
    user_name: cloudresearch-mturk
    current:
      access_key_id: AKIAIOSFODNN7EXAMPLE
      created: "2026-01-31T12:00:00Z"
      proved: "2026-01-31T12:00:09Z"
      proved_by: mturk
      linked: "2026-01-31T12:01:00Z"
      link_evidence: page
reason:
  description: A fixed word for why it failed, such as V(two_foreign_keys), V(no_room_for_key), V(user_not_ours),
    V(record_lost), V(user_missing), V(key_not_proved), V(no_room_for_tag), V(store_conflict), V(lab_busy),
    V(vault_password_missing), V(wrong_account).
  type: str
  returned: failure
  sample: two_foreign_keys
next_step:
  description: What to do about the failure.
  type: str
  returned: failure
  sample: Run with --vault-password-file, --vault-id or --ask-vault-pass.
choices:
  description: What the operator can choose from where no action is safe.
  type: list
  elements: str
  returned: when the operator has to choose
  sample: ["use another IAM user for this lab"]
"""
