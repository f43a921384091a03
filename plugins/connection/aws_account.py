# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_account
short_description: Run tasks on this machine, inside an AWS account
version_added: 1.1.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - The local connection inside an AWS account. Each host stands for an account, and tasks run on this machine with the
    account's credentials in their environment. So a module of amazon.aws, or C(aws) as a command, needs no credential,
    no role and no region in its task.
  - The role is assumed once for each task, when the task first runs something, and not for what needs no AWS, such as
    copying a file.
  - The environment of a task has E(AWS_ACCESS_KEY_ID), E(AWS_SECRET_ACCESS_KEY), E(AWS_SESSION_TOKEN), E(AWS_REGION),
    E(AWS_DEFAULT_REGION) and, where one is set, E(AWS_ENDPOINT_URL) and E(AWS_CA_BUNDLE). It has nothing of the
    operator's, no other E(AWS_*) variable, no AWS configuration file, no role of the instance, no E(VAULT_*),
    E(BAO_*) or E(ANSIBLE_VAULT_*) variable, and no variable that is named like a token, a password, a credential
    or a secret.
    The keyword C(environment) of a task adds to that. A task whose C(environment) names other credentials
    (E(AWS_ACCESS_KEY_ID), E(AWS_SECRET_ACCESS_KEY), E(AWS_SESSION_TOKEN), E(AWS_PROFILE) or an older name of these)
    fails, because it would run in another account.
  - A role that cannot be assumed fails the task, with RV(ignore:reason) and RV(ignore:next_step) in its result. The
    host stays reachable, C(rescue) and C(ignore_errors) work.
options:
  account_id:
    description:
      - The 12 digits of the AWS account, in quotes, so that leading zeros stay.
      - Required, unless O(role_arn) or O(profile) is given or O(ambient_credentials) is true.
      - If other options lead to another account, the task fails and nothing is done there.
    type: str
    vars:
      - name: lab_account_aws_account_id
      - name: ansible_aws_account_id
  role_name:
    description:
      - The name (with its path, if it has one) of the role to assume in the account O(account_id).
      - If it is empty, no role is assumed; the credentials must belong to the account already.
    type: str
    default: OrganizationAccountAccessRole
    vars:
      - name: lab_account_assume_role_name
      - name: ansible_aws_account_role_name
  role_arn:
    description: The whole ARN of the role to assume, instead of O(role_name).
    type: str
    vars:
      - name: ansible_aws_account_role_arn
  external_id:
    description: The external id that the role's trust policy requires.
    type: str
    vars:
      - name: lab_account_external_id
      - name: ansible_aws_account_external_id
  session_name:
    description: The name of the session, which the account's CloudTrail shows.
    type: str
    default: labops.cloudresearch
    vars:
      - name: ansible_aws_account_session_name
  duration:
    description: Assume the role for this many seconds. By default AWS decides, which means one hour.
    type: int
    vars:
      - name: ansible_aws_account_duration
  profile:
    description:
      - A named profile of the AWS configuration to start from, whatever credentials are in the environment.
      - With O(account_id) and a role name, the profile assumes that role. Without O(account_id), the profile's own
        account is meant.
    type: str
    vars:
      - name: lab_account_aws_profile
      - name: ansible_aws_account_profile
  ambient_credentials:
    description:
      - Whether to use the account of the control node's own credentials if neither O(account_id), O(role_arn) nor
        O(profile) is given. Otherwise such a host fails, so that a forgotten account id never means the operator's own
        account.
    type: bool
    default: false
    vars:
      - name: lab_account_ambient_credentials
      - name: ansible_aws_account_ambient_credentials
  region:
    description: The region in which tasks work if they do not name one.
    type: str
    default: us-east-1
    vars:
      - name: ansible_aws_account_region
  endpoint_url:
    description: Reach AWS at this address instead of AWS's own.
    type: str
    vars:
      - name: lab_account_aws_endpoint_url
      - name: ansible_aws_account_endpoint_url
  ca_bundle:
    description:
      - A file with the certificate authorities to trust.
      - Defaults to E(AWS_CA_BUNDLE), then to C(ca_bundle) in the AWS configuration.
    type: path
    vars:
      - name: ansible_aws_account_ca_bundle
  validate_certs:
    description:
      - Whether AWS's certificates are verified when the role is assumed.
      - Programs have options of their own for that, such as O(amazon.aws.iam_user#module:validate_certs).
    type: bool
    default: true
    vars:
      - name: ansible_aws_account_validate_certs
  pipelining:
    description:
      - Whether to pass modules to Python on its standard input. Otherwise they are copied to temporary files and
        each runs in a new Python.
    type: bool
    default: true
    vars:
      - name: ansible_pipelining
      - name: ansible_aws_account_pipelining
requirements:
  - python >= 3.11
  - boto3 >= 1.35.0
  - botocore >= 1.35.0
notes:
  - Set C(ansible_python_interpreter={{ ansible_playbook_python }}) for the hosts. A module then runs in a fork of
    Ansible's worker, which has boto3 loaded, instead of in a new Python; that takes a fraction of the time. Whatever
    is not a module for that very Python runs as with P(ansible.builtin.local#connection).
  - A task with C(become) fails. C(sudo) and its like take the account's credentials out of the environment, and what
    runs then would find those of the other user or of the machine, and so another account.
  - Commands run in the directory in which Ansible was started, as with every connection but
    P(ansible.builtin.local#connection).
seealso:
  - plugin: ansible.builtin.local
    plugin_type: connection
  - plugin: labops.cloudresearch.aws_organization
    plugin_type: inventory
    description: The accounts of an AWS organization as hosts.
"""

EXAMPLES = r"""
# The inventory names the accounts. The operator's credentials come from where the AWS command line finds them.
#
#   accounts:
#     vars:
#       ansible_connection: labops.cloudresearch.aws_account
#       ansible_python_interpreter: "{{ ansible_playbook_python }}"
#     hosts:
#       lab-mueller:
#         ansible_aws_account_id: "012345678901"
#       lab-garcia:
#         ansible_aws_account_id: "123456789012"
#         ansible_aws_account_role_name: research/Operations
#         ansible_aws_account_external_id: "{{ vaulted_external_id }}"

- name: Work in each account
  hosts: accounts
  gather_facts: false
  tasks:
    # No task names a credential.
    - name: List the buckets
      amazon.aws.s3_bucket_info:
      register: found

    - name: Ask who we are
      ansible.builtin.command: aws sts get-caller-identity
      changed_when: false
"""

import importlib
import os
import re
import shlex
import sys
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.connection import ensure_connect
from ansible.plugins.connection.local import Connection as LocalConnection
from ansible.utils.display import Display

from ..plugin_utils.aws import account as aws_account
from ..plugin_utils.aws import connection as aws
from ..plugin_utils.aws import service_models
from ..plugin_utils.base import environment as process_environment
from ..plugin_utils.base import forked_program
from ..plugin_utils.base.errors import CollectionError, invalid_options

try:
    # Strategies load the connection plugin before they fork workers, so this is there, warm, in each of them.
    importlib.import_module("boto3")
except ImportError:
    pass  # whoever needs it says so
else:
    aws.warm_up(("sts",))

display = Display()

# A value that starts a new Python with other settings than this one's.
_SETS_UP_PYTHON = re.compile(r"PYTHON|LD_|DYLD_|LC_|LANG")


class Connection(LocalConnection):
    """The local connection, inside the AWS account that the host stands for."""

    transport = "labops.cloudresearch.aws_account"

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._account: aws.AwsConnection | None = None

    def declaration(self) -> aws_account.AccountDeclaration:
        """What the inventory says of the host's account."""

        def said(name: str) -> str:
            return str(self.get_option(name) or "").strip()

        return aws_account.AccountDeclaration(
            account_id=said("account_id"),
            role_name=said("role_name"),
            role_arn=said("role_arn"),
            external_id=said("external_id"),
            session_name=said("session_name"),
            duration=self.get_option("duration"),
            profile=said("profile"),
            region=said("region"),
            endpoint_url=said("endpoint_url"),
            ca_bundle=said("ca_bundle"),
            validate_certs=self.get_option("validate_certs"),
            ambient_credentials=self.get_option("ambient_credentials"),
        )

    def account(self) -> aws.AwsConnection:
        """The way into the host's AWS account. The role is assumed when it is first needed, and once.

        :raises CollectionError: no account is declared, or the declaration is wrong.
        """
        if self._account is None:
            self._account = self.declaration().connection()
        return self._account

    @ensure_connect  # type: ignore[untyped-decorator]
    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command inside the account."""
        environment = aws_account.without_the_operators(os.environ)
        # Ansible says by this that the command is its own: directories for temporary files, looking for a Python.
        if sudoable:
            try:
                self._refuse_become()
                aws_account.refuse_other_credentials(aws_account.variables_set_in(cmd))
                environment.update(aws_account.account_environment(self.account()))
            except CollectionError as exc:
                result = exc.as_result()
                raise AnsibleActionFail(result["msg"], result=result) from None
        variables = _variables_of_forkable(cmd) if in_data and forked_program.can_fork() else None
        if variables is not None:
            display.vvv(f"RUN IN A FORK {cmd}", host=self._play_context.remote_addr)
            return forked_program.run_program(
                t.cast(bytes, in_data), {**environment, **variables}, self.cwd, prepare=service_models.share_with_all
            )
        with process_environment.only(environment):
            finished: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return finished

    def _refuse_become(self) -> None:
        if self.become:
            raise invalid_options(
                f"The connection {self.transport} cannot become another user: that would take the account's "
                "credentials out of the environment, and what runs then would find those of the other user or of "
                "this machine.",
                "Set become: false for the task or its play, or delegate to localhost what is not about AWS.",
            )

    def reset(self) -> None:
        """Forget the credentials."""
        self._account = None
        super().reset()


def _variables_of_forkable(command: str) -> dict[str, str] | None:
    """The variables that a command sets before it starts this very Python; None if it does anything else.

    Such a command is C(/bin/sh -c 'NAME=value /path/of/python && sleep 0'), as Ansible's shell plugins make it. It is
    taken only if it would be written the same from what was read out of it, so no quote and no C($) is misread.
    """
    try:
        shell, option, line = shlex.split(command)
        words = shlex.split(line)
    except ValueError:
        return None
    if words[-3:] == ["&&", "sleep", "0"]:
        del words[-3:]
    if option != "-c" or os.path.basename(shell) != "sh" or not words:
        return None
    *assignments, interpreter = words
    variables = dict(word.partition("=")[::2] for word in assignments)
    written = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    if line not in (" ".join([*written, interpreter, *end]) for end in ([], ["&&", "sleep", "0"])):
        return None
    if not all(re.fullmatch(r"[A-Za-z_]\w*", name) and not _SETS_UP_PYTHON.match(name) for name in variables):
        return None
    return variables if _is_this_python(interpreter) else None


def _is_this_python(path: str) -> bool:
    # A virtual environment's Python is a link to its base's, so the directory counts, too.
    def place(found: str) -> tuple[str, str]:
        return os.path.realpath(os.path.dirname(found)), os.path.realpath(found)

    return os.path.isabs(path) and re.fullmatch(r"[\w./+-]+", path) is not None and place(path) == place(sys.executable)
