#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: mturk_principals_info
short_description: Find who can call Mechanical Turk in an AWS account, and with which keys
version_added: 1.1.0
description:
  - Looks at all users, groups and roles of an AWS account and at root, whoever created them, and reports which of them
    can call Mechanical Turk, how they got that right, and which access keys they have.
  - Evaluates managed policies, customer policies, inline policies, groups, wildcards, C(NotAction), denials and
    permissions boundaries. The effect of conditions and resources is not evaluated; a right that depends on them is
    V(unknown).
  - Makes six calls for an account of up to a thousand users, groups, roles and policies in which one user may call
    Mechanical Turk; one more for each further such user, and some where keys cannot be told apart by their age.
  - Changes nothing, except that IAM creates a credential report if there is none from the last four hours.
options:
  all_keys:
    description:
      - Whether to also read the ids of the keys of users that cannot call Mechanical Turk. This takes one call for
        each user that has keys.
      - Otherwise their keys are listed without their ids, as IAM's credential report has them.
    type: bool
    default: false
notes:
  - An organization's service control policies cannot be seen from inside an account. They only remove rights, so a
    user has at most the rights that are found here.
  - A key's last use is as old as IAM's credential report, four hours at most. Whether a key is active, and which keys
    there are of users that may call Mechanical Turk, is of this moment.
author:
  - labops.cloudresearch contributors (@labops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - labops.cloudresearch.aws.assume_role
  - labops.cloudresearch.aws.read_only
  - labops.cloudresearch.aws.control_node
seealso:
  - module: labops.cloudresearch.lab_account_info
"""

EXAMPLES = r"""
- name: Find every key of the account that can be used for Mechanical Turk
  labops.cloudresearch.mturk_principals_info:
    profile: lab-01
  register: found

- name: Show who has a key
  ansible.builtin.debug:
    msg: "{{ found.principals | selectattr('keys') | map(attribute='arn') }}"
"""

RETURN = r"""
account_id:
  description: The account that was looked at.
  returned: success
  type: str
  sample: "111122223333"
caller_arn:
  description: As whom it was looked at.
  returned: success
  type: str
  sample: arn:aws:sts::111122223333:assumed-role/labops-cloudresearch/labops.cloudresearch
looked_at:
  description: When it was looked at, by AWS's clock.
  returned: success
  type: str
  sample: "2026-11-26T10:00:00Z"
complete:
  description: Whether everything could be read. If not, there may be principals and keys that RV(principals) lacks.
  returned: success
  type: bool
unread:
  description: What could not be read.
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: The part of the account.
      returned: always
      type: str
      sample: credential report
    reason:
      description: Why, in a sentence.
      returned: always
      type: str
principals:
  description:
    - Those that may call Mechanical Turk or of which nobody can tell, root, and every user that has keys.
    - Each has its access keys in C(keys), which Jinja reaches as C(principal['keys']). A key has C(access_key_id),
      which is empty for root's keys and for those of users without the right unless O(all_keys); C(status), V(active)
      or V(inactive); C(created); C(last_used), empty for never; C(last_used_service) and C(last_used_region).
  returned: success
  type: list
  elements: dict
  contains:
    arn:
      description: The principal's ARN.
      returned: always
      type: str
      sample: arn:aws:iam::111122223333:user/by-hand
    kind:
      description: V(user), V(group), V(role) or V(root).
      returned: always
      type: str
      sample: user
    name:
      description: Its name, without its path.
      returned: always
      type: str
      sample: by-hand
    path:
      description: Its path.
      returned: always
      type: str
      sample: /
    mturk_right:
      description: Whether it may call Mechanical Turk, V(yes), V(no) or V(unknown).
      returned: always
      type: str
      sample: "yes"
    how:
      description: Where the right comes from, and what limits it or puts it in doubt.
      returned: always
      type: list
      elements: str
      sample: ["group labs: managed policy AmazonMechanicalTurkFullAccess"]
    administrator:
      description: Whether it may do nearly everything in the account.
      returned: always
      type: bool
    read_only:
      description: Whether it may only read in Mechanical Turk.
      returned: always
      type: bool
    quarantined:
      description: Whether AWS has put it in quarantine, because it found a key of it in public.
      returned: always
      type: bool
    tags:
      description: The tags of a user or a role.
      returned: always
      type: dict
users_seen:
  description: How many users the account has, as far as they could be read.
  returned: success
  type: int
  sample: 200
calls:
  description: How many calls of AWS the look took.
  returned: success
  type: int
  sample: 6
"""
