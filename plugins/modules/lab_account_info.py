#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_account_info
short_description: Read everything about one lab
version_added: 1.0.0
description:
  - Reads a lab's IAM user, its access keys, the store's record, both MTurk environments and the CloudResearch link, and
    says how they differ from what is declared and which steps a run of the role
    P(labops.cloudresearch.lab_account#role) would take.
  - Changes nothing. Independent reads go out at once.
options:
  lab:
    description: The lab's name in the store and in messages.
    type: str
    required: true
  state:
    description:
      - The declared state, from which it follows what is missing. V(rotated) is V(present) with a new key whatever the
        age of the old one. V(suspended) means that the lab's keys are inactive; then the portal is not looked at.
    type: str
    choices: [present, rotated, suspended, absent]
    default: present
  account_id:
    description: The 12 digits of the lab's AWS account. If the credentials lead to another account, the module fails.
    type: str
  user_name:
    description: The name of the IAM user.
    type: str
    default: cloudresearch-mturk
  policy_arn:
    description: The ARN of the managed policy that the user should have.
    type: str
    default: arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess
  tags:
    description: Tags that the user should have, besides the one by which the collection knows its own users.
    type: dict
    default: {}
  adopt_existing_user:
    description: Whether a run may take over a user that the collection did not create.
    type: bool
    default: false
  onboard_although_closed:
    description:
      - Whether a run may create the first key of a lab although MTurk answers like a closed service.
      - Without it, such a lab is V(blocked) with the reason V(service_closed).
    type: bool
    default: false
  remove_foreign_keys:
    description: Ids of keys that the collection did not create and that a run may remove.
    type: list
    elements: str
    default: []
  remove_drift:
    description: Rights that a run may remove from the user.
    type: list
    elements: str
    choices: [console_access, inline_policies, groups, attached_policies]
    default: []
  max_age_days:
    description: Rotate keys that are older than this many days. V(0) never rotates because of age.
    type: int
    default: 0
  grace_days:
    description: Keep a superseded key, deactivated, for this many days before a run deletes it.
    type: int
    default: 0
  retire_after_days:
    description: Keep the keys of a lab with O(state=absent) suspended for this many days before a run deletes them.
    type: int
    default: 0
  store:
    description:
      - The store with the lab's record, see M(labops.cloudresearch.mturk_access_key).
      - It is read on the control node. Without it, nothing is known to be stored.
    type: dict
  environments:
    description: The MTurk environments to ask.
    type: list
    elements: str
    choices: [production, sandbox]
    default: [production, sandbox]
  production_endpoint_url:
    description: Reach MTurk's production environment at this address instead of AWS's own.
    type: str
  sandbox_endpoint_url:
    description: Reach MTurk's sandbox at this address instead of AWS's own.
    type: str
  minimum_balance:
    description: The balance in US dollars below which a linked production account gets a next step.
    type: float
    default: 0.0
  link_check:
    description:
      - V(record) takes what an earlier run recorded in the store. V(page) signs in to CloudResearch with
        O(cloudresearch) and looks. V(none) declares that the lab has no CloudResearch account.
    type: str
    choices: [record, page, none]
    default: record
  judge_key_use:
    description:
      - Whether a use of the key for MTurk that is not the collection's own proves the link. Meant for labs whose key a
        person enters by hand. Each use of the collection's own is then noted in the store before it happens; in check
        mode, where nothing can be noted, MTurk is not asked.
    type: bool
    default: false
  cloudresearch:
    description: >-
      The options of M(labops.cloudresearch.cloudresearch_link) for signing in, needed for O(link_check=page).
    type: dict
    suboptions:
      email:
        description: See O(labops.cloudresearch.cloudresearch_link#module:email).
        type: str
      password:
        description: See O(labops.cloudresearch.cloudresearch_link#module:password).
        type: str
      totp_secret:
        description: See O(labops.cloudresearch.cloudresearch_link#module:totp_secret).
        type: str
      options:
        description: Further options of M(labops.cloudresearch.cloudresearch_link) by their names.
        type: dict
        default: {}
  thorough:
    description:
      - Whether to read also inline policies, groups and console access of the user, and the last use of keys in use.
    type: bool
    default: true
  thresholds:
    description:
      - When something becomes a finding. The keys are C(key_unused_days) (90), C(key_old_days) (365),
        C(minimum_balance) (10.00) and C(allowed_policy_arns).
    type: dict
    default: {}
  find_principals:
    description:
      - Whether to look for all users, groups and roles of the account, and root, that can call Mechanical Turk,
        whoever created them, and for their keys, see M(labops.cloudresearch.mturk_principals_info).
    type: bool
    default: false
  known_principals:
    description:
      - Principals and keys that may exist although nobody declares them. Until the given day they are not findings;
        after it they are, and so is the expired entry.
      - Keys that AWS found in public are reported all the same.
    type: list
    elements: dict
    default: []
    suboptions:
      arn:
        description: The ARN of the principal. Give one of this, O(known_principals[].name) and
          O(known_principals[].access_key_id).
        type: str
        default: ""
      name:
        description: The name of the principal.
        type: str
        default: ""
      access_key_id:
        description: The id of a single key.
        type: str
        default: ""
      reason:
        description: Why it may be there.
        type: str
        required: true
      until:
        description: The last day on which this holds, such as V(2027-01-31).
        type: str
        required: true
author:
  - labops.cloudresearch contributors (@labops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - labops.cloudresearch.aws.assume_role
  - labops.cloudresearch.aws.read_only
  - labops.cloudresearch.aws.control_node
"""

EXAMPLES = r"""
- name: Read everything about a lab
  labops.cloudresearch.lab_account_info:
    lab: lab-01
    account_id: "111122223333"
    assume_role_arn: arn:aws:iam::111122223333:role/OrganizationAccountAccessRole
    store:
      type: ansible_vault
      directory: "{{ inventory_dir }}/lab_keys"
  register: observed

- name: Show which keys are out there
  ansible.builtin.debug:
    var: observed.lab_account.access_keys
"""

RETURN = r"""
lab_account:
  description: What was observed. It never holds a secret.
  returned: success
  type: dict
  contains:
    lab:
      description: The lab's name.
      returned: always
      type: str
      sample: lab-01
    account_id:
      description: The account that was read.
      returned: always
      type: str
      sample: "111122223333"
    user:
      description: The IAM user, its policies, and whether the collection created it.
      returned: always
      type: dict
    access_keys:
      description: The user's access keys, oldest first, with age, last use, whose they are and whether they are stored.
        C(suspended_on) is the day on which a key was suspended, C(may_go_on) the first day on which it may be deleted.
      returned: always
      type: list
      elements: dict
    requester:
      description: What each MTurk environment answered, see M(labops.cloudresearch.mturk_requester_check).
      returned: always
      type: dict
    link:
      description: Which key CloudResearch holds, and how that is known.
      returned: always
      type: dict
      contains:
        status:
          description: V(linked), V(not_linked), V(other_key) or V(unknown).
          returned: always
          type: str
          sample: linked
        access_key_id:
          description: The key that CloudResearch holds, empty if not known.
          returned: always
          type: str
          sample: AKIAIOSFODNN7EXAMPLE
        evidence:
          description: V(page), V(record), V(key_use) or empty.
          returned: always
          type: str
          sample: record
    observed_at:
      description: When the lab was observed, by AWS's clock.
      returned: always
      type: str
      sample: "2026-01-31T12:00:00Z"
    other_users:
      description: The account's other users that have the lab's policy, with their keys; null unless O(state=absent).
      returned: always
      type: list
      elements: dict
      sample:
        - user_name: by-hand
          how: policy
          access_key_ids: [AKIAI44QH8DHBEXAMPLE]
          live_access_key_ids: [AKIAI44QH8DHBEXAMPLE]
    declared_user:
      description: The name of the lab's own user.
      returned: always
      type: str
      sample: cloudresearch-mturk
    principals:
      description: >-
        Who may call Mechanical Turk in the account, as M(labops.cloudresearch.mturk_principals_info) returns it; null
        unless O(find_principals).
      returned: always
      type: dict
    known_principals:
      description: O(known_principals) as given.
      returned: always
      type: list
      elements: dict
    unseen:
      description: What could not be read (C(part)), and C(message), C(reason) and C(next_step).
      returned: always
      type: list
      elements: dict
    not_looked_for:
      description: The findings (C(code)) that nobody could look for, or was asked to look for, and C(why).
      returned: always
      type: list
      elements: dict
    drift:
      description: How the user differs from what is declared.
      returned: always
      type: list
      elements: dict
    findings:
      description: What the lab should worry about, the worst first.
      returned: always
      type: list
      elements: dict
    missing:
      description: The steps that a run of the role would take.
      returned: always
      type: list
      elements: str
      sample: [access_key, link, retire]
    why_missing:
      description: By step, why.
      returned: always
      type: dict
    plan:
      description: What a run would do to the keys, in words.
      returned: always
      type: list
      elements: str
    blocked:
      description: Why no step can be taken safely, and what the operator can choose; empty if nothing is in the way.
      returned: always
      type: dict
"""
