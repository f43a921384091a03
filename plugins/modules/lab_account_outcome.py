#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_account_outcome
short_description: Compose the outcome of a run for one lab
version_added: 1.0.0
description:
  - Combines what was observed of a lab and what each step did.
  - For plays of your own that replace a step of the role P(labops.cloudresearch.lab_account#role), which concludes with
    M(labops.cloudresearch.lab_account_conclude). Register the result as C(lab_account_outcome), which is where the
    report and the progress display look.
  - The outcome is a result, not a fact, so it belongs only to the run that observed the lab.
  - Runs on the control node and never connects anywhere.
options:
  operation:
    description: What the run is called.
    type: str
    choices: [onboard, audit, rotate, suspend, retire]
    default: onboard
  lab:
    description: The lab's name.
    type: str
    required: true
  account_id:
    description: The 12 digits of the lab's AWS account, where the observation could not say.
    type: str
    default: ""
  observed:
    description: RV(labops.cloudresearch.lab_account_info#module:lab_account). Left out if the observation failed.
    type: dict
  results:
    description: By the name of the step, the registered result of the task that took it.
    type: dict
    default: {}
  failure:
    description: The result of the task that failed, C(ansible_failed_result) in a rescue section.
    type: dict
author:
  - labops.cloudresearch contributors (@labops)
attributes:
  check_mode:
    support: full
    description: The outcome says what a run would do.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Say how the lab came out
  labops.cloudresearch.lab_account_outcome:
    lab: lab-01
    observed: "{{ observed.lab_account }}"
    results:
      access_key: "{{ access_key }}"
      link: "{{ link }}"
  register: lab_account_outcome
"""

RETURN = r"""
schema:
  description: The version of the outcome's fields. It grows when a field goes or changes its meaning.
  returned: always
  type: int
  sample: 2
state:
  description:
    - V(converged), V(changed), V(waiting_for_person), V(drifted), V(failed) or V(unknown).
    - V(drifted) means that something differs from the declared state and that the run does not change it.
  returned: always
  type: str
  sample: waiting_for_person
message:
  description: One sentence for people.
  returned: always
  type: str
  sample: >-
    Lab lab-07 waits for a person at step requester: Sign in at https://requester.mturk.com/developer
    ...
steps:
  description: Each step of the flow with its C(status) (V(ok), V(changed), V(skipped), V(waiting), V(failed)).
  returned: always
  type: list
  elements: dict
next_steps:
  description: What is left to do, C(who) does it (V(person), V(operator)), and where.
  returned: always
  type: list
  elements: dict
principals:
  description: >-
    Who may call Mechanical Turk in the account, as M(labops.cloudresearch.mturk_principals_info) returns it; null if
    nobody looked.
  returned: always
  type: dict
known_principals:
  description: The exceptions that the inventory makes, each with a reason and a day until which it holds.
  returned: always
  type: list
  elements: dict
changes:
  description:
    - Each change that the run made to an access key, in order, as
      RV(labops.cloudresearch.mturk_access_key#module:changes). It is what evidence is made of.
  returned: always
  type: list
  elements: dict
started:
  description: When the lab was first looked at in this run, in UTC.
  returned: always
  type: str
  sample: "2026-11-24T11:59:00Z"
ended:
  description: When the outcome was composed, in UTC.
  returned: always
  type: str
  sample: "2026-11-24T12:00:00Z"
unknown_variables:
  description: Variables that are named like the collection's and that it does not know, with the nearest name it knows.
  returned: always
  type: dict
  sample: {lab_account_cloudresearch_emial: lab_account_cloudresearch_email}
"""
