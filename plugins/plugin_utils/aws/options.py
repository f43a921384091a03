# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of the AWS options that the collection's modules share."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError

try:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
except ModuleNotFoundError:
    # Nothing of the collection works without it. Any other error would be shown as a bug in Ansible.
    raise AnsibleError(
        "The collection amazon.aws, which labops.cloudresearch needs, is not installed where Ansible looks for "
        "collections (ansible-galaxy collection list shows where). Next step: "
        "ansible-galaxy collection install 'amazon.aws:>=9.5.0,<12.0.0'"
    ) from None

CREDENTIALS = ("access_key", "secret_key", "session_token", "profile")
# What selects the credentials: a profile stands alone. Modules that are handed a stored key leave this check to
# AwsConnection, which knows that a blank option is none.
MUTUALLY_EXCLUSIVE = [["profile", "access_key"], ["profile", "secret_key"], ["profile", "session_token"]]
REQUIRED_TOGETHER = [["access_key", "secret_key"]]


def lab_aws_argument_spec() -> dict[str, t.Any]:
    """amazon.aws's own options, so that they stay the same, plus C(assume_role_arn).

    Credentials are taken from the environment by botocore alone, which knows what comes before what: amazon.aws would
    refuse a profile of the environment beside keys of the environment, and boto3 takes the keys.
    """
    spec = aws_argument_spec()
    for name in CREDENTIALS:
        spec[name].pop("fallback", None)
    return {**spec, "assume_role_arn": {"type": "str"}, "external_id": {"type": "str"}}


def without_aliases(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Options of an amazon.aws module with the AWS options by their names only.

    Modules accept aliases such as C(aws_access_key), and an alias wins over the name. So whoever puts credentials in
    the place of others has to know both.
    """
    names = {alias: name for name, spec in lab_aws_argument_spec().items() for alias in spec.get("aliases", ())}
    given = {name: value for name, value in options.items() if name not in names}
    return {**given, **{names[alias]: value for alias, value in options.items() if alias in names}}
