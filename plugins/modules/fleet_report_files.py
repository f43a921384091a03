#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report_files
short_description: Write a report about a fleet of labs as HTML, CSV and JSON
version_added: 1.0.0
description:
  - Puts the outcomes of many labs together as one report. The HTML file needs nothing from outside. It says how many
    live keys can call Mechanical Turk, by department and over time, and shows findings by severity, next steps by
    person, key ages, last uses and balances, a table of labs and their keys, and what changed since the report before.
    Its first printed page stands for itself.
  - The role P(labops.cloudresearch.fleet_report#role) calls it with good defaults.
  - Only fields that the report knows are taken from an outcome. If one of them looks like a secret, no file is written.
  - Runs on the control node and never connects anywhere.
options:
  directory:
    description: The directory for the files. It is created if it does not exist.
    type: path
    required: true
  name:
    description:
      - The files' name without its extension. Reports about different things (a fleet's audit, one lab's onboarding)
        need different names, because each is compared with the report of the same name before it.
    type: str
    default: fleet-report
  title:
    description: The page's heading.
    type: str
    default: Mechanical Turk keys of the labs
  formats:
    description:
      - Which files to write. V(html) includes a page of evidence to print, V(csv) a file with a row for each key,
        V(json) the findings as events of the Open Cybersecurity Schema Framework. The checksums of the files are always
        written to C(manifest.sha256).
      - Reports are compared through V(json), or else V(html). With V(csv) alone, nothing is compared.
    type: list
    elements: str
    choices: [html, csv, json]
    default: [html, csv, json]
  labs:
    description:
      - The inventory hosts that are the labs of the run. Their outcomes are the results C(lab_account_outcome) of this
        run; what a fact cache holds of earlier runs does not count.
      - A host without one is in the report as V(unknown), because the run did not begin it, and a host whose result
        has no outcome yet as V(failed), because the run left it in the middle. C(localhost) without one is left out.
      - With O(merge), the labs that the reports should have. Those that are in none of them are in the report as
        V(unknown), so that nobody takes a lost slice for a small fleet.
      - One of O(labs), O(outcomes) and O(merge) is required, and O(outcomes) stands alone.
    type: list
    elements: str
  outcomes:
    description: The outcomes themselves, where hosts do not hold them.
    type: list
    elements: dict
  merge:
    description:
      - Reports (JSON or HTML) of slices of the fleet to make one report of, as paths or shell patterns.
      - A lab that is in more than one of them is taken from the run that ended last.
        A run that did not come to the lab does not count, one that was cut short in the middle of it does.
      - A pattern or path that names no file is an error. Whether a pattern names the reports of all slices, only
        O(labs) can tell.
    type: list
    elements: path
  contacts:
    description: By lab, the e-mail address for next steps of people. The page never sends anything itself.
    type: dict
    default: {}
  contact_variable:
    description: The host variable that holds a lab's address, for labs that are not in O(contacts).
    type: str
    default: lab_contact_email
  department_variable:
    description:
      - The host variable that holds the department that a lab belongs to. If any lab has one, the report sums up by
        department.
    type: str
    default: lab_department
    version_added: 1.1.0
  letters:
    description:
      - Whether to write a letter to each contact (C(letters/*.eml)) about the labs that name the same address.
        Each says which keys are live, what is left of the balance, what the person is asked to do, and the dates that
        matter.
      - Nothing is sent. Letters of an earlier report are removed if their recipients get none now.
    type: bool
    default: false
  previous:
    description:
      - An earlier report (JSON or HTML) to compare with.
      - By default, the report that is in O(directory) now.
    type: path
  keep_earlier:
    description:
      - How many earlier reports to keep as JSON files in the directory C(earlier) beside the report.
      - V(0) keeps none.
    type: int
    default: 30
  mode:
    description:
      - The files' permissions as octal digits in quotes.
      - A report contains no secret, but account numbers, key identifiers and what is wrong with them.
    type: str
    default: "0600"
author:
  - labops.cloudresearch contributors (@labops)
attributes:
  check_mode:
    support: full
    description: Says which files would be written.
  diff_mode:
    support: full
    description: Shows one line a lab, before and after.
notes:
  - A report that differs from the one on disk in its times only is not written within 24 hours, so that a second run
    changes nothing. After that it is, because a report of another day is no evidence of this one.
seealso:
  - module: labops.cloudresearch.lab_account_info
  - ref: ansible_collections.labops.cloudresearch.docsite.guide_report
    description: What the report shows, and the schema of its JSON.
"""

EXAMPLES = r"""
- name: Report on the labs of this inventory
  labops.cloudresearch.fleet_report_files:
    directory: /srv/reports/mturk
    labs: "{{ groups['labs'] }}"
  delegate_to: localhost
  run_once: true

- name: Compare with the report of last quarter, for other people to read
  labops.cloudresearch.fleet_report_files:
    directory: /srv/reports/mturk
    name: quarter
    title: Mechanical Turk keys, 4th quarter
    formats: [html]
    labs: "{{ groups['labs'] }}"
    previous: /srv/reports/mturk/earlier/fleet-report-20260901T060000Z.json
    mode: "0644"
  delegate_to: localhost
  run_once: true

- name: One report from those of the slices of a sliced job
  labops.cloudresearch.fleet_report_files:
    directory: /srv/reports/mturk
    merge:
      - /srv/reports/mturk/slices/*.json
    labs: "{{ groups['labs'] }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
files:
  description:
    - The report's files by what they hold. V(html), V(csv) and V(json) are the report; V(evidence) is the page to
      print, V(keys) the CSV file of keys, V(ocsf) the findings as OCSF events, V(manifest) the sums of the others.
  returned: success
  type: dict
  sample:
    html: /srv/reports/mturk/fleet-report.html
    evidence: /srv/reports/mturk/fleet-report-evidence.html
    manifest: /srv/reports/mturk/manifest.sha256
changed_files:
  description: The files that were written, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/srv/reports/mturk/fleet-report.html]
generated:
  description: When the report on disk was made. It is an earlier time of the last 24 hours if nothing changed since.
  returned: success
  type: str
  sample: "2026-11-24T10:40:00Z"
summary:
  description: Counts over all labs, as in the JSON.
  returned: success
  type: dict
  sample:
    labs: 12
    states: {failed: 1, unknown: 0, waiting_for_person: 2, drifted: 0, changed: 0, converged: 9}
    findings: {critical: 0, high: 1, medium: 0, low: 2, info: 0}
"""
