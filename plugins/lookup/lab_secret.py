# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_secret
short_description: Read a lab's access key from the store
version_added: 1.0.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - Returns the access key that M(labops.cloudresearch.mturk_access_key) keeps for a lab.
  - What it returns is a secret. Hand it straight to an option that takes a secret, as in the examples; then it is in no
    output. A variable, a fact, a template or a M(ansible.builtin.debug) task that holds it shows it to others, unless
    the task has C(no_log=true).
  - To see a key, do not use a task at all, because what a task shows is written to the log as well. Use the store's own
    command, such as C(ansible-vault view); the guide on stores has one for each type.
options:
  _terms:
    description: The labs' names in the store.
    type: list
    elements: str
    required: true
  field:
    description:
      - Which part of the key. V(pair) is a dictionary of both.
    type: str
    choices: [secret_access_key, access_key_id, pair]
    default: secret_access_key
  slot:
    description:
      - Which of the lab's keys. V(newest) is the one that the portal should hold, a pending key if there is one, else
        the current one.
    type: str
    choices: [newest, current, pending]
    default: newest
  access_key_id:
    description:
      - The id of the key instead of its slot. It is an error if the store does not have that key.
    type: str
  assume_role_arn:
    description:
      - The ARN of a role in the lab's account to assume, for O(store.account=lab).
    type: str
  external_id:
    description: The external id that the trust policy of O(assume_role_arn) requires.
    type: str
  store:
    description:
      - Where the labs' keys are kept. Each lab has one record in it.
      - Sub-options belong to one or several store types; one that the chosen type does not know is an error.
      - Without it, it is what the role's variable C(lab_account_secret_store) says.
    type: dict
    required: false
    vars:
      - name: lab_account_secret_store
extends_documentation_fragment:
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - labops.cloudresearch.store
requirements:
  - "hvac >= 2.1.0 (for O(store.type=hashi_vault))"
notes:
  - The AWS options say how to reach the lab's account; they are used only with O(store.account=lab).
seealso:
  - module: labops.cloudresearch.mturk_access_key
"""

EXAMPLES = r"""
- name: Check with the lab's stored key whether its requester account is linked
  labops.cloudresearch.mturk_requester_check:
    access_key: "{{ lookup('labops.cloudresearch.lab_secret', 'lab-01', store=lab_store, field='access_key_id') }}"
    secret_key: "{{ lookup('labops.cloudresearch.lab_secret', 'lab-01', store=lab_store) }}"
  vars:
    lab_store:
      type: ansible_vault
      directory: "{{ inventory_dir }}/lab_keys"

- name: The same, for each lab of an inventory that has lab_account_secret_store
  labops.cloudresearch.mturk_requester_check:
    access_key: "{{ lookup('labops.cloudresearch.lab_secret', inventory_hostname, field='access_key_id') }}"
    secret_key: "{{ lookup('labops.cloudresearch.lab_secret', inventory_hostname) }}"
"""

RETURN = r"""
_raw:
  description: For each lab the secret access key, the access key id, or a dictionary of both. Secret.
  type: list
  elements: raw
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..plugin_utils.aws.connection import AwsConnection
from ..plugin_utils.base.errors import CollectionError, invalid_options
from ..plugin_utils.base.next_command import playbook_command, stands_for
from ..plugin_utils.base.silence import asking_for
from ..plugin_utils.store import base, open_store
from ..plugin_utils.store.record import LabRecord, StoredKey

# The role's variable for its store.
_STORE_VARIABLE = "lab_account_secret_store"


class LookupModule(LookupBase):
    """Reads labs' keys from their store."""

    def run(
        self, terms: list[str], variables: dict[str, t.Any] | None = None, **kwargs: t.Any
    ) -> list[str | dict[str, str]]:
        """One value a term; see C(RETURN)."""
        variables = variables or {}
        if kwargs.get("store") is None and _STORE_VARIABLE in variables:
            # Other than those of other plugins, a lookup's variables come as they are written.
            kwargs["store"] = self._templar.template(variables[_STORE_VARIABLE])
        self.set_options(var_options=variables, direct=kwargs)
        options = self.get_options()
        if "lab_account_lab" in variables:
            stands_for(variables["inventory_hostname"], self._templar.template(variables["lab_account_lab"]))
        try:
            store = open_store(
                _required_store(options["store"]),
                loader=self._loader,
                lab_connection=lambda: AwsConnection({**options, "validate_certs": None}),
            )
            return [self._requested_field(self._stored_key(store, base.lab_name(lab))) for lab in terms]
        except CollectionError as exc:
            raise AnsibleLookupError(exc.as_result()["msg"]) from None

    def _stored_key(self, store: base.SecretStore, lab: str) -> StoredKey:
        with asking_for(lab):
            record = store.get(lab).record
        if record is None:
            raise CollectionError(
                f"The store in {store.location} has no key of lab {lab}.",
                next_step="Check the lab's name (lab_account_lab, by default inventory_hostname) and the store, or "
                f"onboard the lab first: {playbook_command('onboard', lab)}.",
                reason="no_record",
            )
        wanted = self.get_option("access_key_id")
        key = record.find(wanted) if wanted else _in_slot(record, self.get_option("slot"))
        if key is None:
            which = f"key {wanted}" if wanted else f"{self.get_option('slot')} key"
            has = ", ".join(f"{slot} {key.access_key_id}" for slot, key in record.slots()) or "none"
            raise CollectionError(
                f"The record of lab {lab} in {store.location} has no {which}; it has: {has}.",
                next_step="Choose one of these by slot or access_key_id, or onboard the lab again.",
                reason="no_key",
            )
        return key

    def _requested_field(self, key: StoredKey) -> str | dict[str, str]:
        pair = {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
        field = self.get_option("field")
        return pair if field == "pair" else pair[field]


def _in_slot(record: LabRecord, slot: str) -> StoredKey | None:
    if slot == "current":
        return record.current
    return record.pending if slot == "pending" else record.key_in_use


def _required_store(store: object) -> dict[str, t.Any]:
    if not isinstance(store, dict):
        raise invalid_options(
            "Nothing says in which store the labs' keys are.",
            f"Give the lookup the option store, or set {_STORE_VARIABLE} in the inventory, such as "
            "{type: ansible_vault, directory: ...} (see the guide on stores).",
        )
    return store
