# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resources and condition keys a call has, so that least-privilege policies can be judged.

From the Service Authorization Reference of AWS, for the services and actions that the collection may use.
"""

from __future__ import annotations

import typing as t

from tests.simulator import moto_adapter
from tests.simulator.identity import Caller

Parameters = t.Mapping[str, t.Any]
#: An action, the resource it acts on, and the condition keys besides those of the caller.
Check = tuple[str, str, dict[str, "str | list[str]"]]

# IAM actions on the account as a whole, whatever parameters they have.
_IAM_WITHOUT_RESOURCE = frozenset(
    {
        "GenerateCredentialReport",
        "GetAccountAuthorizationDetails",
        "GetAccountPasswordPolicy",
        "GetAccountSummary",
        "GetCredentialReport",
        "ListAccountAliases",
        "ListGroups",
        "ListPolicies",
        "ListRoles",
        "ListUsers",
        "ListVirtualMFADevices",
    }
)


def checks(service: str, action: str, parameters: Parameters, caller: Caller, region: str) -> list[Check]:
    """All permissions that a call needs."""
    if service == "iam":
        return _iam(action, parameters, caller)
    if service == "sts":
        return [("sts:" + action, str(parameters.get("RoleArn", "*")), {})]
    if service == "secretsmanager":
        return _secretsmanager(action, parameters, caller, region)
    if service == "ssm":
        return _ssm(action, parameters, caller, region)
    if service == "organizations":
        return [("organizations:" + action, _organizations_resource(action, parameters, caller), {})]
    return [(f"{service}:{action}", "*", {})]


def _request_tags(parameters: Parameters) -> dict[str, str | list[str]]:
    tags = parameters.get("Tags") or []
    keys = [tag["Key"] for tag in tags] + list(parameters.get("TagKeys") or [])
    context: dict[str, str | list[str]] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
    if keys:
        context["aws:TagKeys"] = keys
    return context


def _iam(action: str, parameters: Parameters, caller: Caller) -> list[Check]:
    context = _request_tags(parameters)
    if "PolicyArn" in parameters:
        context["iam:PolicyARN"] = str(parameters["PolicyArn"])
    if "PermissionsBoundary" in parameters:
        context["iam:PermissionsBoundary"] = str(parameters["PermissionsBoundary"])
    resource, tags = _iam_resource(action, parameters, caller)
    for name, value in tags.items():
        context[f"aws:ResourceTag/{name}"] = context[f"iam:ResourceTag/{name}"] = value
    found: list[Check] = [("iam:" + action, resource, context)]
    if action in ("CreateUser", "CreateRole", "CreatePolicy") and parameters.get("Tags"):
        found.append(("iam:Tag" + action.removeprefix("Create"), resource, context))
    return found


def _iam_resource(action: str, parameters: Parameters, caller: Caller) -> tuple[str, dict[str, str]]:
    backend = moto_adapter.iam(caller.account_id)
    prefix = f"arn:aws:iam::{caller.account_id}:"
    if action in _IAM_WITHOUT_RESOURCE:
        return "*", {}
    if "RoleName" in parameters:
        name = str(parameters["RoleName"])
        role = next((role for role in backend.roles.values() if role.name == name), None)
        tags = {tag["Key"]: tag["Value"] for tag in role.tags} if role else {}
        path = (role.path if role else parameters.get("Path")) or "/"
        return f"{prefix}role{path}{name}", tags
    if "GroupName" in parameters:
        group = backend.groups.get(str(parameters["GroupName"]))
        path = (group.path if group else parameters.get("Path")) or "/"
        return f"{prefix}group{path}{parameters['GroupName']}", {}
    if "PolicyArn" in parameters and "UserName" not in parameters:
        return str(parameters["PolicyArn"]), {}
    if action == "CreatePolicy":
        return f"{prefix}policy{parameters.get('Path') or '/'}{parameters.get('PolicyName', '')}", {}
    name = str(parameters.get("UserName") or "")
    if not name and "AccessKeyId" in parameters:
        key = backend.access_keys.get(str(parameters["AccessKeyId"]))
        if key is None:
            # What AWS calls a key that is not in the account; only policies for all resources allow to ask for it.
            return f"access key {parameters['AccessKeyId']}", {}
        name = str(key.user_name)
    name = name or caller.name
    user = backend.users.get(name)
    found = backend.tagger.get_tag_dict_for_resource(user.arn) if user else {}
    return (user.arn if user else f"{prefix}user{parameters.get('Path') or '/'}{name}"), found


def _secretsmanager(action: str, parameters: Parameters, caller: Caller, region: str) -> list[Check]:
    context = _request_tags(parameters)
    if action in ("ListSecrets", "BatchGetSecretValue", "GetRandomPassword"):
        return [("secretsmanager:" + action, "*", context)]
    identifier = str(parameters.get("SecretId") or parameters.get("Name") or "")
    if action == "CreateSecret":
        context["secretsmanager:Name"] = identifier
    # AWS adds a dash and six characters of its own to the name, which a policy has to allow for.
    arn = f"arn:aws:secretsmanager:{region}:{caller.account_id}:secret:{identifier}-AbCdEf"
    if identifier.startswith("arn:"):
        arn = identifier
    found: list[Check] = [("secretsmanager:" + action, arn, context)]
    if action == "CreateSecret" and parameters.get("Tags"):
        found.append(("secretsmanager:TagResource", arn, context))
    return found


def _ssm(action: str, parameters: Parameters, caller: Caller, region: str) -> list[Check]:
    context = _request_tags(parameters)
    names = parameters.get("Names") or [
        parameters.get("Name") or parameters.get("Path") or parameters.get("ResourceId")
    ]
    if action == "DescribeParameters" or names == [None]:
        return [("ssm:" + action, "*", context)]
    prefix = f"arn:aws:ssm:{region}:{caller.account_id}:parameter/"
    arns = [name if str(name).startswith("arn:") else prefix + str(name).lstrip("/") for name in names]
    found: list[Check] = [("ssm:" + action, arn, context) for arn in arns]
    if action == "PutParameter" and parameters.get("Tags"):
        found.extend(("ssm:AddTagsToResource", arn, context) for arn in arns)
    return found


def _organizations_resource(action: str, parameters: Parameters, caller: Caller) -> str:
    if action in ("ListAccounts", "DescribeOrganization", "ListRoots", "ListDelegatedAdministrators"):
        return "*"
    identifier = next(
        (
            str(parameters[name])
            for name in ("ParentId", "ResourceId", "AccountId", "ChildId", "OrganizationalUnitId", "TargetId")
            if name in parameters
        ),
        "",
    )
    backend = moto_adapter.organization(caller.account_id)
    found = next((item for item in [*backend.accounts, *backend.ou] if item.id == identifier), None)
    return found.arn if found else "*"
