# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto as our AWS: what it keeps is used as it is; where it is slow or more lenient than AWS, it is adjusted here.

Everything that knows moto's insides is in this file. L(install) must run once, before any account is made.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import json
import sys
import typing as t

import moto.core.base_backend
import moto.core.model_instances
import moto.core.responses
import moto.core.serialize
import moto.core.utils
import moto.iam.models
import moto.organizations.models
import moto.organizations.utils
import moto.sts.models
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import AccessKey, AccessKeyLastUsed, IAMBackend, iam_backends
from moto.organizations.models import FakeAccount, FakeOrganizationalUnit, OrganizationsBackend, organizations_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sts.models import AssumedRole, sts_backends

PARTITION = "aws"
ADMINISTRATOR_POLICY = "AdministratorAccess"
# Loading all of AWS's managed policies costs moto a second an account; tests need these.
MANAGED_POLICIES = (
    ADMINISTRATOR_POLICY,
    "AWSCompromisedKeyQuarantineV2",
    "AWSCompromisedKeyQuarantineV3",
    "AmazonMechanicalTurkFullAccess",
    "AmazonMechanicalTurkReadOnly",
    "AmazonS3ReadOnlyAccess",
    "IAMFullAccess",
    "IAMReadOnlyAccess",
    "IAMUserChangePassword",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
)

# Who holds which key: moto would search all accounts for it. Kept up by the hooks below.
_account_of_key: dict[str, str] = {}
_session_of_key: dict[str, AssumedRole] = {}
#: Called with every new access key (also of sessions), and with every new session.
on_new_key: list[t.Callable[[AccessKey], None]] = []
on_new_session: list[t.Callable[[AssumedRole], None]] = []


@functools.cache
def managed_policy(name: str) -> dict[str, t.Any]:
    """moto's copy of an AWS managed policy, read without parsing the other 1,400."""
    start = aws_managed_policies_data.index(f'\n "{name}":') + len(name) + 5
    parsed, _end = json.JSONDecoder().raw_decode(aws_managed_policies_data, start)
    return t.cast("dict[str, t.Any]", parsed)


def iam(account_id: str) -> IAMBackend:
    """moto's IAM of an account."""
    return iam_backends[account_id][PARTITION]


def organization(management_account_id: str) -> OrganizationsBackend:
    """moto's Organizations of the management account."""
    return organizations_backends[management_account_id][PARTITION]


def find_key(access_key_id: str) -> tuple[str, AccessKey] | None:
    """Account and key of an access key id, if it exists (now; a deleted one does not)."""
    account_id = _account_of_key.get(access_key_id)
    if account_id is None:
        return None
    key = iam(account_id).access_keys.get(access_key_id)
    return (account_id, key) if key is not None else None


def find_session(access_key_id: str) -> AssumedRole | None:
    """The role session whose temporary credentials have this id."""
    return _session_of_key.get(access_key_id)


def keys_of_user(caller: t.Any) -> list[AccessKey]:
    """The keys of the IAM user who calls."""
    return list(iam(caller.account_id).users[caller.name].access_keys)


def organization_id(account_id: str) -> str:
    """The id of the organization that the account belongs to; empty without one."""
    management, _partition = organizations_backends.master_accounts.get(account_id, (account_id, ""))
    found = organizations_backends[management][PARTITION].org if management in organizations_backends else None
    return str(found.id) if found else ""


def is_open_account(management_account_id: str, account_id: str) -> bool:
    """Whether the account exists and is not closed."""
    if account_id == management_account_id:
        return True
    if account_id not in organizations_backends.master_accounts:
        return False
    return account_id not in _closed_accounts


def close_account(management_account_id: str, account_id: str) -> None:
    """The account's status becomes SUSPENDED; nobody can act in it."""
    organization(management_account_id).close_account(AccountId=account_id)
    _closed_accounts.add(account_id)


_closed_accounts: set[str] = set()


def note_key_use(key: AccessKey, service: str, region: str, days_ago: float = 0) -> None:
    """What GetAccessKeyLastUsed shall say. AWS gives it in whole seconds."""
    used = (_now() - datetime.timedelta(days=days_ago)).replace(microsecond=0)
    key.last_used = AccessKeyLastUsed(timestamp=used, service=service, region=region)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0, tzinfo=None)


def forget_everything() -> None:
    """Drop all accounts of all services."""
    all_backends = [iam_backends, sts_backends, organizations_backends, secretsmanager_backends]
    ssm = sys.modules.get("moto.ssm.models")
    if ssm is not None:
        all_backends.append(ssm.ssm_backends)
    for backends in all_backends:
        for account_id in list(backends.keys()):
            del backends[account_id]
    organizations_backends.master_accounts.clear()
    _account_of_key.clear()
    _session_of_key.clear()
    _closed_accounts.clear()
    moto.core.model_instances.reset_model_data()


def create_organization(management_account_id: str, email: str) -> None:
    """An organization with all features, its management account and its root."""
    backend = organization(management_account_id)
    with _AccountIds(management_account_id):
        backend.create_organization(region=PARTITION)
    backend.accounts[0].email = email
    # AWS makes no such role in the management account; moto does.
    roles = iam(management_account_id).roles
    for role in list(roles.values()):
        del roles[role.id]


def create_account(management_account_id: str, account_id: str, name: str, email: str, role_name: str) -> FakeAccount:
    """A member account with the role that Organizations puts there, which trusts the management account."""
    backend = organization(management_account_id)
    assert backend.org is not None
    with _AccountIds(account_id):
        account = FakeAccount(backend.org, AccountName=name, Email=email, RoleName=role_name)
    # moto pages through accounts by the time they joined, which therefore must differ.
    account.create_time += datetime.timedelta(microseconds=next(_distinct))
    backend.accounts.append(account)
    organizations_backends.master_accounts[account_id] = (management_account_id, PARTITION)
    iam(account_id).attach_role_policy(f"arn:aws:iam::aws:policy/{ADMINISTRATOR_POLICY}", role_name)
    return account


_distinct = itertools.count()


class _AccountIds:
    """Makes moto give the next account this id; it knows only random ones."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def __enter__(self) -> None:
        self._before = moto.organizations.utils.make_random_account_id
        moto.organizations.utils.make_random_account_id = lambda: self._account_id

    def __exit__(self, *_exc: object) -> None:
        moto.organizations.utils.make_random_account_id = self._before


def organizational_unit(management_account_id: str, path: t.Sequence[str]) -> str:
    """The id of the unit at this path below the root; missing ones are made. An empty path is the root itself."""
    backend = organization(management_account_id)
    assert backend.org is not None
    parent: str = backend.org.root_id
    for name in path:
        unit = next((unit for unit in backend.ou if unit.parent_id == parent and unit.name == name), None)
        if unit is None:
            unit = FakeOrganizationalUnit(backend.org, Name=name, ParentId=parent)
            backend.ou.append(unit)
        parent = unit.id
    return parent


def install() -> None:
    """Adjust moto, once a process."""
    _make_quick()
    _make_strict()


def _make_quick() -> None:
    # Found by profiling: each of these costs more than the rest of an IAM call.
    responses = moto.core.responses
    responses.method_names_from_class = functools.cache(moto.core.utils.method_names_from_class)
    responses.camelcase_to_underscores = functools.cache(moto.core.utils.camelcase_to_underscores)

    by_service = functools.cache(moto.core.base_backend.AccountSpecificBackend._generate_regions.__wrapped__)
    moto.core.base_backend.AccountSpecificBackend._generate_regions = lambda self, service_name: by_service(
        _Regions, service_name
    )

    def init_aws_policies(self: IAMBackend) -> list[t.Any]:
        return [
            moto.iam.models.AWSManagedPolicy.from_data(name, self.account_id, self.region_name, managed_policy(name))
            for name in MANAGED_POLICIES
        ]

    IAMBackend._init_aws_policies = init_aws_policies

    moto.iam.models.get_account_id_from = lambda access_key: _account_of_key.get(access_key, "")
    # The front (identity.py) notes each use after it has checked the signature; moto would note it before.
    moto.iam.models.mark_account_as_visited = lambda **_ignored: None


class _Regions:
    """Stands for C(self) in moto's list of regions, which is the same for every account."""


def _make_strict() -> None:
    # AWS gives 20 accounts a page at most.
    moto.organizations.utils.PAGINATION_MODEL["list_accounts"]["limit_default"] = 20

    key_init = AccessKey.__init__

    @functools.wraps(key_init)
    def new_key(self: AccessKey, user_name: str | None, prefix: str, account_id: str, status: str = "Active") -> None:
        key_init(self, user_name, prefix, account_id, status)
        self.create_date = _now()  # AWS gives whole seconds
        _account_of_key[self.access_key_id] = account_id
        for hook in on_new_key:
            hook(self)

    AccessKey.__init__ = new_key

    session_init = AssumedRole.__init__

    @functools.wraps(session_init)
    def new_session(self: AssumedRole, *args: t.Any, **kwargs: t.Any) -> None:
        session_init(self, *args, **kwargs)
        _session_of_key[self.access_key_id] = self
        for hook in on_new_session:
            hook(self)

    AssumedRole.__init__ = new_session

    def get_access_key_last_used(self: IAMBackend, access_key_id: str) -> dict[str, t.Any]:
        found = self.access_keys.get(access_key_id)
        if found is None or found.user_name is None:
            raise moto.iam.exceptions.NotFoundException(f"The Access Key with id {access_key_id} cannot be found")
        return {"user_name": found.user_name, "last_used": found.last_used}

    IAMBackend.get_access_key_last_used = get_access_key_last_used

    delete_user = IAMBackend.delete_user

    @functools.wraps(delete_user)
    def strict_delete_user(self: IAMBackend, user_name: str) -> None:
        user = self.get_user(user_name)
        if user.access_keys:
            raise DeleteConflictException("Cannot delete entity, must delete access keys first.")
        if user.password is not None:
            raise DeleteConflictException("Cannot delete entity, must delete login profile first.")
        if self.get_groups_for_user(user_name):
            raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
        if user.mfa_devices:
            raise DeleteConflictException("Cannot delete entity, must delete MFA device first.")
        if user.signing_certificates or user.ssh_public_keys:
            raise DeleteConflictException("Cannot delete entity, must delete signing certificates first.")
        delete_user(self, user_name)

    IAMBackend.delete_user = strict_delete_user

    user_init = moto.iam.models.User.__init__

    @functools.wraps(user_init)
    def new_user(self: t.Any, *args: t.Any, **kwargs: t.Any) -> None:
        user_init(self, *args, **kwargs)
        self.create_date = _now()

    moto.iam.models.User.__init__ = new_user


def create_key(account_id: str, user_name: str, access_key_id: str = "", secret_access_key: str = "") -> AccessKey:
    """An access key for a user, with this id and secret if given. :raises ServiceException: as IAM would."""
    backend = iam(account_id)
    key = backend.create_access_key(user_name)
    if access_key_id:
        del backend.access_keys[key.access_key_id]
        del _account_of_key[key.access_key_id]
        key.access_key_id, key.secret_access_key = access_key_id, secret_access_key
        backend.access_keys[access_key_id] = key
        _account_of_key[access_key_id] = account_id
    return key


def make_older(key: AccessKey, days: float) -> None:
    """Put the creation of a key back in time."""
    key.create_date -= datetime.timedelta(days=days)


def describe_keys(account_id: str) -> list[dict[str, t.Any]]:
    """All keys of all users of an account, secrets included: the truth that tests compare with."""
    return [
        {
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
            "user_name": user.name,
            "status": key.status,
            "created": f"{key.create_date:%Y-%m-%dT%H:%M:%SZ}",
            "last_used": f"{key.last_used.timestamp:%Y-%m-%dT%H:%M:%SZ}" if key.last_used else None,
            "last_used_service": key.last_used.service if key.last_used else "",
            "last_used_region": key.last_used.region if key.last_used else "",
        }
        for user in iam(account_id).users.values()
        for key in user.access_keys
    ]


def trust_policy(trusted_account_id: str) -> dict[str, t.Any]:
    """The trust of the role that Organizations makes."""
    principal = {"AWS": f"arn:aws:iam::{trusted_account_id}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def has_role(account_id: str, role_name: str) -> bool:
    """Whether the account has a role of this name."""
    return any(role.name == role_name for role in iam(account_id).roles.values())


def replace_role_policies(account_id: str, role_name: str, document: str | None) -> None:
    """Let a role have only this policy; V(None) makes it administrator again."""
    backend = iam(account_id)
    role = backend.get_role(role_name)
    for policy in list(role.managed_policies.values()):
        policy.detach_from(role)
    role.policies.clear()
    if document is None:
        backend.attach_role_policy(f"arn:aws:iam::aws:policy/{ADMINISTRATOR_POLICY}", role_name)
    else:
        role.policies["permissions"] = document


def delete_role(account_id: str, role_name: str) -> None:
    """Remove a role with its policies."""
    replace_role_policies(account_id, role_name, "{}")
    backend = iam(account_id)
    backend.get_role(role_name).policies.clear()
    backend.delete_role(role_name)


def expire_sessions(account_id: str) -> int:
    """Let all role sessions of an account end now; how many there were."""
    sessions = sts_backends[account_id][PARTITION].assumed_roles
    for session in sessions:
        session.expiration = _now()
    return len(sessions)
