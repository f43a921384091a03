# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: lab_roster
short_description: Labs from a CSV roster as a spreadsheet program exports it
version_added: 1.0.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - Creates one inventory host for each row of a CSV file; each row is one research lab.
  - The inventory source is a small YAML file that ends with V(lab_roster.yml) or V(lab_roster.yaml); it names the CSV
    file and, if its headings are not the common ones, maps columns to variables.
  - The file is read as spreadsheets leave it. UTF-8 with or without a byte order mark and UTF-16 with one; commas,
    semicolons or tabs; quoted values with line breaks; Windows, Unix and old Mac line ends; blank rows; empty columns.
  - Each row is checked. Account ids must have 12 digits, and the leading zeros that spreadsheets drop are
    restored with a warning. E-mail addresses and states must be valid. Hosts, account ids and e-mail addresses must
    not occur twice. B(All) bad rows are reported at once, each with its line, and no lab is read while there are any.
  - The account export of the AWS Organizations console is a roster as well. Its hosts are named by account id, because
    account names are chosen by their owners; the root user's e-mail address is not taken for a sign-in; accounts that
    AWS does not list as V(ACTIVE) are left out, with a warning.
  - White space and line breaks around a value, and characters that cannot be seen, are removed with a warning. If a
    title stands above the headings, the error says in which line the headings seem to be.
  - Passwords and secret keys are refused, whether a heading names them or a cell looks like one.
  - Values are plain text for Ansible. Jinja expressions and spreadsheet formulas in a cell are never run.
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: Marks the file as one for this plugin.
    type: str
    required: true
    choices: ['labops.cloudresearch.lab_roster', 'lab_roster']
  path:
    description:
      - The CSV file. A relative path starts at the directory of the YAML file.
      - Can be a Jinja expression, for example with the P(ansible.builtin.env#lookup) lookup.
    type: str
    required: true
  columns:
    description:
      - Which column is which host variable, as a dictionary of headings and variable names.
      - Case, spaces and signs of headings do not matter.
      - V(inventory_hostname) as the variable makes the column the host's name; characters that host names cannot have
        become hyphens.
      - V(null) as the variable leaves the column out.
      - >-
        Columns that are not named here are found by headings that leave no doubt: C(Lab), C(Lab name), C(Host) or
        C(Name) for V(inventory_hostname); C(AWS account ID), C(AWS account), C(Account ID) or C(Account number) for
        V(lab_account_aws_account_id); C(CloudResearch e-mail) or C(CloudResearch login) for
        V(lab_account_cloudresearch_email); C(Lab state) for V(lab_account_state); C(AWS profile) for
        V(lab_account_aws_profile); C(Assume role name) for V(lab_account_assume_role_name); C(IAM user) for
        V(lab_account_iam_user); C(Contact e-mail) or C(Lab contact) for V(lab_contact_email); C(Department) for
        V(lab_department).
      - C(E-mail), C(State), C(Role), C(Profile) and C(Contact) alone can mean anything. They set no variable unless
        they are named here, and a warning says so; a C(State) of V(present) and V(absent) stops the roster until it is
        named here.
      - All other columns, and those for contact and department, become keys of the host variable C(lab_roster), with
        lower-case letters, digits and underscores (C(PI name) becomes C(lab_roster.pi_name)).
      - An empty cell sets no variable, so that defaults apply. In C(lab_roster) it is an empty string.
    type: dict
    default: {}
  required_columns:
    description:
      - The variables that each lab must have a value for. V(inventory_hostname) is always one of them.
      - Leave V(lab_account_aws_account_id) out where labs are reached by O(columns) for V(lab_account_aws_profile).
    type: list
    elements: str
    default: [inventory_hostname, lab_account_aws_account_id]
  unique_columns:
    description:
      - The variables whose values no two labs may share. V(inventory_hostname) is always one of them.
      - Upper and lower case count as the same.
    type: list
    elements: str
    default: [inventory_hostname, lab_account_aws_account_id, lab_account_cloudresearch_email]
  delimiter:
    description:
      - The delimiter between the values.
      - V(auto) chooses the one with which the headings make most sense. A first line such as C(sep=;) takes precedence.
    type: str
    choices: [auto, comma, semicolon, tab]
    default: auto
  encoding:
    description:
      - The character encoding of the file, by any name that Python knows, such as V(windows-1252) or V(latin-1).
      - V(auto) takes UTF-8, or what the byte order mark says, and refuses anything else.
    type: str
    default: auto
notes:
  - Ansible continues with an empty inventory if a source cannot be read. Set
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true) so that a bad roster stops the run.
  - All labs are members of the group C(lab_roster).
  - The group sets C(ansible_connection) to P(labops.cloudresearch.aws_account#connection) and
    C(ansible_python_interpreter) to the Python that runs Ansible, so that tasks run on this machine, inside the lab's
    account. Override them in C(group_vars).
seealso:
  - plugin: labops.cloudresearch.aws_account
    plugin_type: connection
  - plugin: labops.cloudresearch.aws_organization
    plugin_type: inventory
  - plugin: labops.cloudresearch.lab_secret
    plugin_type: lookup
    description: For what does not belong in a spreadsheet.
"""

EXAMPLES = r"""
# labs.lab_roster.yml, beside labs.csv:
#
#   Lab,AWS account ID,CloudResearch e-mail,Department,Lab state
#   Perception lab,012345678901,perception@example.edu,Psychology,present
#   Choice lab,123456789012,choice@example.edu,Economics,absent
#
# gives the hosts Perception-lab and Choice-lab
plugin: labops.cloudresearch.lab_roster
path: labs.csv
keyed_groups:
  # groups department_Psychology and department_Economics
  - prefix: department
    key: lab_roster.department
groups:
  leaving: lab_account_state == 'absent'

---

# A sheet with headings of its own
plugin: labops.cloudresearch.lab_roster
path: ../exports/Research accounts.csv
columns:
  Short name: inventory_hostname
  Konto: lab_account_aws_account_id
  Login: lab_account_cloudresearch_email
  # for the report: whom to write to, and whose labs to sum up
  Kontakt: lab_contact_email
  Institut: lab_department
  Internal remarks: null
strict: true
compose:
  lab_account_key_max_age_days: lab_roster.key_days | int
  lab_account_tags: "{'cost-centre': lab_roster.cost_centre}"

---

# Labs that are reached by named profiles; exported by Excel as plain CSV in Western Europe
plugin: labops.cloudresearch.lab_roster
path: "{{ lookup('ansible.builtin.env', 'LAB_ROSTER') }}"
encoding: windows-1252
delimiter: semicolon
required_columns: [inventory_hostname, lab_account_aws_profile]
"""

import keyword
import pathlib
import typing as t

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

from ..plugin_utils.fleet.inventory_labs import add_labs, has_name_of, refuse_unknown_options
from ..plugin_utils.fleet.roster import EXTRA_VARIABLE, Roster, RosterError, RosterOptions, read_roster

GROUP = "lab_roster"


class InventoryModule(BaseInventoryPlugin, Constructable):
    NAME = "labops.cloudresearch.lab_roster"
    INVENTORY_FILE_SUFFIXES = ("lab_roster.yml", "lab_roster.yaml")

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and has_name_of(self, path, self.INVENTORY_FILE_SUFFIXES)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        refuse_unknown_options(self, path, self._read_config_data(path))
        roster = self._read_roster(path)
        for warning in roster.warnings:
            self.display.warning(f"{path}: {warning}")
        if not roster.labs:
            self.display.warning(f"{path}: the roster has headings but no lab.")
        add_labs(self, GROUP, {lab.host: {**lab.variables, EXTRA_VARIABLE: lab.extra} for lab in roster.labs})

    def _read_roster(self, path: str) -> Roster:
        csv_path = self._csv_path(path)
        try:
            content = csv_path.read_bytes()
        except OSError as exc:
            raise AnsibleParserError(
                f"{path}: the roster {csv_path} cannot be read ({exc.strerror}). Set the option path; a relative path "
                "starts at the directory of this file."
            ) from None
        options = RosterOptions(
            columns=self._columns(path),
            required=self.get_option("required_columns"),
            unique=self.get_option("unique_columns"),
            delimiter=self.get_option("delimiter"),
            encoding=self.get_option("encoding"),
        )
        try:
            return read_roster(content, options, str(csv_path))
        except RosterError as exc:
            # Ansible shows the message of a cause once more; it would say nothing new.
            raise AnsibleParserError(f"{exc}\n{exc.next_step}") from None

    def _csv_path(self, path: str) -> pathlib.Path:
        given = self.get_option("path")
        if self.templar.is_template(given):
            given = self.templar.template(given)
        if not given:
            raise AnsibleParserError(f"{path}: the option path is empty; it names the CSV file with the labs.")
        return pathlib.Path(path).absolute().parent / pathlib.Path(str(given)).expanduser()

    def _columns(self, path: str) -> dict[str, str | None]:
        columns: dict[str, str | None] = self.get_option("columns")
        variables = [variable for variable in columns.values() if variable is not None]
        for variable in variables:
            if not isinstance(variable, str) or not variable.isidentifier() or keyword.iskeyword(variable):
                raise AnsibleParserError(
                    f"{path}: option columns: {variable!r} is not a name that a variable can have."
                )
            if variables.count(variable) > 1:
                raise AnsibleParserError(f"{path}: option columns: two headings lead to {variable}.")
        return {str(heading): variable for heading, variable in columns.items()}
