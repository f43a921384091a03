#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudresearch_link
short_description: Link an MTurk access key to a CloudResearch account, or remove the link
version_added: 1.0.0
description:
  - Ensures that a CloudResearch account holds a lab's AWS access key for Mechanical Turk (MTurk). There is no API for
    that, so the module does what CloudResearch's own instructions tell a person to do. It signs in, opens the menu
    under the user icon, chooses B(Link Mechanical Turk), fills in the form at the bottom of that page, and reads what
    the page says.
  - It finds its way by the words on the pages and the labels of fields, not by private addresses or element ids.
    If the words change, set the new ones with O(portal), see R(the portal guide,
    ansible_collections.labops.cloudresearch.docsite.guide_portal).
  - It looks first and submits the key only if nothing proves that the account holds it. It reports RV(link.evidence)
    with each result.
  - It is careful with other people's accounts. A wrong password is tried once, and never again in a later run unless it
    changed; it stops at captchas and locks; secrets go to the portal's own hosts and those in O(trusted_hosts) only.
  - In check mode it signs in and reads, but submits nothing, and returns what it recognised on each page.
options:
  state:
    description:
      - V(present) makes sure that the account holds the key O(access_key_id).
      - V(absent) removes the link with the page's own control. If the page offers none, nothing changes and
        RV(next_step) says how to do it by hand. With O(access_key_id), another key's link is left alone.
    type: str
    choices: [present, absent]
    default: present
  lab:
    description: The lab's name in O(store).
    type: str
  store:
    description:
      - The store to take the lab's key from, see M(labops.cloudresearch.mturk_access_key). It is read on the control
        node; the key then takes the place of O(access_key_id) and O(secret_access_key).
      - What the record says is evidence, as O(recorded_access_key_id) is. A link that was proved or removed is recorded
        if the record does not say so already, and that counts as a change, too. A task with C(async) records nothing.
    type: dict
  assume_role_arn:
    description: The role to assume on the way to a O(store) that is in the lab's own account (V(account=lab)).
    type: str
  external_id:
    description: The external id that the trust policy of O(assume_role_arn) requires.
    type: str
  profile:
    description: The AWS profile for the same.
    type: str
  endpoint_url:
    description: The AWS endpoint for the same, instead of AWS's own.
    type: str
  portal_url:
    description:
      - Where the portal is.
      - It must begin with C(https://); C(http://) is accepted only for a portal on this machine.
    type: str
    default: https://app.cloudresearch.com
  trusted_hosts:
    description:
      - Further hosts that may be given the password, the code and the key, such as a sign-in host.
      - The host of O(portal_url) is trusted on any port, and so are C(cloudresearch.com) and everything in it if
        O(portal_url) is there. Any other host that the portal leads to is read, but given nothing.
      - Write a host name, C(host:port), or C(*.example.org).
    type: list
    elements: str
    default: []
  email:
    description: The e-mail address to sign in with.
    type: str
  password:
    description: The password to sign in with.
    type: str
  totp_secret:
    description:
      - The secret of the account's authenticator (TOTP), as text (base32) or C(otpauth://) address, if the account has
        two-factor sign-in.
    type: str
  access_key_id:
    description:
      - The ID of the access key to link.
      - Needed for O(state=present), except in check mode, where leaving it out shows whether any key is linked.
    type: str
  secret_access_key:
    description: The secret of that key. Needed for O(state=present), except in check mode and with O(driver=manual).
    type: str
  recorded_access_key_id:
    description:
      - The ID of the key that an earlier run recorded as linked. It is the evidence where the page does not show which
        key is linked, so that a run with nothing to do submits nothing.
    type: str
  key_used_by_portal:
    description:
      - Whether AWS says that the key was used for MTurk after the collection's own last use of it, which only
        CloudResearch can have done.
      - The role P(labops.cloudresearch.lab_account#role) finds that out.
    type: bool
    default: false
  driver:
    description:
      - V(http) reads pages without a browser. It is fast and needs no JavaScript.
      - V(browser) uses a Chromium or Chrome of this machine, through Playwright.
      - V(auto) begins with V(http), and goes on with V(browser) when a page needs JavaScript and a browser is there;
        RV(driver_reason) then says which page that was.
      - V(manual) enters nothing. RV(next_step) says what to paste where; the module looks for evidence, and waits
        for it as long as O(wait_timeout) says.
    type: str
    choices: [auto, http, browser, manual]
    default: auto
  portal:
    description:
      - The words to look for where the portal's have changed. Each key replaces one list of words, each value is a text
        or a list of texts. Case, spacing and punctuation do not matter.
      - An unknown key is refused with a list of the valid ones. The ones needed most are C(email_field),
        C(password_field), C(sign_in_button), C(code_field), C(user_menu), C(link_page), C(access_key_id_field),
        C(secret_access_key_field), C(link_button), C(success_notice), C(error_notice) and C(unlink_control).
    type: dict
    default: {}
  browser_executable:
    description: The Chromium or Chrome to use with O(driver=browser). By default the usual places are searched.
    type: path
  allow_unsandboxed_browser:
    description:
      - Whether to run the browser without its sandbox, which protects this machine and its secrets from a page
        that exploits a flaw in the browser.
      - Chromium has no sandbox for root, nor where user namespaces are not allowed. There the module starts no browser
        unless this is set. Set it only in a container or virtual machine that does nothing else.
    type: bool
    default: false
    version_added: 1.1.0
  validate_certs:
    description: Whether to verify the portal's certificate. Turn it off for tests only.
    type: bool
    default: true
  timeout:
    description: Allow this many seconds for everything at the portal, not counting the wait for O(pace).
    type: int
    default: 90
  pace:
    description:
      - Let at least this many seconds pass between two sign-ins, over all processes on this machine that share
        O(state_dir).
      - The default is 0.5, and 0 for a portal on this machine.
    type: float
  state_dir:
    description:
      - A directory in which the module remembers refused credentials (as a salted hash), the last authenticator step
        used, and the pace. Files in it are readable by their owner only and hold no secret.
    type: path
    default: ~/.ansible/labops.cloudresearch
  snapshot_dir:
    description:
      - Save a copy of each page in this directory, to find out what changed.
      - Every secret, token, form value, script, query and e-mail address is removed. The files are readable by
        their owner only.
    type: path
  accept_terms:
    description:
      - Whether to accept terms of use that appear between the sign-in and the account. RV(recognised) shows when it
        did.
    type: bool
    default: true
  wait_timeout:
    description:
      - Wait up to this many seconds for a person.
      - With O(driver=manual), for evidence that the key was entered.
      - With O(driver=browser) on a machine with a display, the browser opens a window there, in which a person can pass
        what only a person can (a captcha, a security key, a code by e-mail, an approval on a telephone); then the
        module goes on. Without a display, it fails at once with V(captcha) or V(second_factor_required).
      - All tasks that share O(state_dir) open one window at a time, and wait for their turn. If nobody was there for
        the whole time that a window was open, tasks that were waiting behind it do without.
    type: int
    default: 0
  wait_interval:
    description: With O(driver=manual), check this many seconds apart.
    type: int
    default: 15
author:
  - labops.cloudresearch contributors (@labops)
requirements:
  - python >= 3.11
  - requests >= 2.31.0 (for O(driver=http))
  - urllib3 >= 2.6.0 (the same)
  - beautifulsoup4 >= 4.12.0
  - playwright >= 1.45.0 and Chromium or Chrome (for O(driver=browser))
extends_documentation_fragment:
  - labops.cloudresearch.aws.control_node
attributes:
  diff_mode:
    support: full
    description:
      - Shows the link's status and key ID before and after, and which keys O(store) has recorded as linked if that
        changes, never a secret.
seealso:
  - module: labops.cloudresearch.lab_account_info
  - module: labops.cloudresearch.mturk_access_key
  - plugin: labops.cloudresearch.lab_secret
    plugin_type: lookup
  - name: CloudResearch's guide to linking
    description: What a person does.
    link: https://go.cloudresearch.com/knowledge/linking-turkprime-and-aws-accounts
"""

EXAMPLES = r"""
- name: Let the lab's CloudResearch account hold the lab's key
  labops.cloudresearch.cloudresearch_link:
    lab: lab-01
    store:
      type: ansible_vault
      directory: "{{ inventory_dir }}/lab_keys"
    email: pi@lab.example
    password: "{{ vault_password_of_pi }}"
    totp_secret: "{{ vault_totp_secret_of_pi | default(omit) }}"

- name: The page calls things by other names now
  labops.cloudresearch.cloudresearch_link:
    email: pi@lab.example
    password: "{{ vault_password_of_pi }}"
    access_key_id: AKIAIOSFODNN7LAB0001
    secret_access_key: "{{ lookup('labops.cloudresearch.lab_secret', 'lab-01', store=lab_store) }}"
    portal:
      link_page: Worker marketplace
      access_key_id_field: [Marketplace user]
      secret_access_key_field: [Marketplace token]

- name: What does the module see? Signs in, reads, submits nothing
  labops.cloudresearch.cloudresearch_link:
    email: pi@lab.example
    password: "{{ vault_password_of_pi }}"
  check_mode: true
  register: seen

- name: Let a person paste the key, and wait ten minutes for it
  labops.cloudresearch.cloudresearch_link:
    driver: manual
    email: pi@lab.example
    password: "{{ vault_password_of_pi }}"
    access_key_id: AKIAIOSFODNN7LAB0001
    wait_timeout: 600

- name: Remove the link
  labops.cloudresearch.cloudresearch_link:
    state: absent
    email: pi@lab.example
    password: "{{ vault_password_of_pi }}"
    access_key_id: AKIAIOSFODNN7LAB0001
"""

RETURN = r"""
link:
  description: How the account is linked now; in check mode, as a real run would leave it.
  returned: success, and when the link could not be recorded in O(store)
  type: dict
  contains:
    status:
      description:
        - V(linked), V(not_linked), V(other_key) (another key is linked) or V(unknown) (something is linked, and nothing
          proves what).
      returned: always
      type: str
      sample: linked
    access_key_id:
      description: The ID of the linked key, empty if not known.
      returned: always
      type: str
      sample: AKIAIOSFODNN7LAB0001
    evidence:
      description:
        - V(page), the page shows the key or said so; V(record), O(recorded_access_key_id) says so and the page does not
          show which key; V(submission), the page took the key without an error and shows that something is linked,
          which it did not show before;
          V(key_use), see O(key_used_by_portal). Empty for a prediction or if there is none.
      returned: always
      type: str
      sample: page
    message:
      description: The evidence in a sentence.
      returned: always
      type: str
      sample: The page shows this key.
  sample:
    status: linked
    access_key_id: AKIAIOSFODNN7LAB0001
    evidence: page
    message: The page shows this key.
next_step:
  description: What a person has to do now, empty if nothing.
  returned: always
  type: str
  sample: ""
waiting_for_person:
  description: Whether a person has to do the rest.
  returned: success
  type: bool
  sample: false
balance:
  description: The MTurk balance that the portal shows, empty if it shows none.
  returned: success
  type: str
  sample: $25.00
driver:
  description: The driver that did the work in the end.
  returned: when the portal was visited
  type: str
  sample: http
driver_reason:
  description: Why O(driver=auto) went on in a browser.
  returned: when it did
  type: str
  sample: >-
    Plain HTTP did not get through: No application to sign in to was found on the page "Sign in"
    (https://account.cloudresearch.com/Account/Login).
reason:
  description:
    - Why it failed, one of V(login_failed), V(second_factor_required), V(second_factor_failed), V(account_locked),
      V(captcha), V(page_changed), V(key_rejected), V(portal_unavailable), V(timeout), V(tls),
      V(service_closed). Empty if an option is wrong.
    - With O(store), also what is wrong with that, such as V(store_unavailable) or V(store_conflict). If RV(link) is
      there, too, the portal has the key, and only the record of it is missing; the next run makes up for it.
  returned: failure
  type: str
  sample: page_changed
page_changed:
  description: For V(page_changed), what was not found, on which page, what was there instead, and what would teach it.
  returned: failure
  type: dict
  sample:
    thing: link to the Mechanical Turk page
    setting: link_page
    title: Dashboard - CloudResearch
    address: https://app.cloudresearch.com/Dashboard
    found: ['link "Worker marketplace"', 'link "Log off"']
    ambiguous: false
    needs_javascript: false
recognised:
  description: What was recognised on each page, without values. For adapting to a changed page.
  returned: in check mode and on failure, when the portal was visited
  type: list
  elements: dict
  sample:
    - page: sign-in
      title: Log in - CloudResearch
      address: https://app.cloudresearch.com/Account/Login
      recognised: {email_field: Email, password_field: Password, sign_in_button: Log in}
      notices: []
      found: ['field "Email"', 'field "Password"', 'button "Log in"']
snapshots:
  description: The files written to O(snapshot_dir).
  returned: when O(snapshot_dir) is given
  type: list
  elements: str
  sample: [/tmp/pages/20261124T100000Z-pi-4711-01.html]
"""
