# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CloudFormation template of a lab's role, for a StackSet over the labs' accounts."""

from __future__ import annotations

import json
import typing as t

from tests.simulator.clients import MTURK_POLICY
from tests.tools.iam_scenarios import ROLE, USER, Document, trust_of

# By parameter: the policy file that it adds to the role, its default, and what it is for.
CHOICES: dict[str, tuple[str, str, str]] = {
    "AllowAudit": ("lab-audit", "true", "Rights for the playbook audit (read only)"),
    "AllowOnboard": ("lab-onboard", "false", "Rights for the playbook onboard"),
    "AllowRotate": ("lab-rotate", "false", "Rights for the playbook rotate"),
    "AllowSuspend": ("lab-suspend", "false", "Rights for the playbook suspend"),
    "AllowRetire": ("lab-retire", "false", "Rights for the playbook retire"),
    "AllowExcess": (
        "lab-optional-excess",
        "false",
        "Rights to take from the user what somebody added to it (lab_account_remove_drift; retirement of such users)",
    ),
    "AllowOthers": (
        "lab-optional-others",
        "false",
        "Rights for the playbook audit to see who else has the policy, in labs that are declared absent",
    ),
    "AllowSecretsManagerStore": (
        "store-aws_secretsmanager",
        "false",
        "Rights for the store aws_secretsmanager with account: lab",
    ),
    "AllowSsmStore": ("store-aws_ssm", "false", "Rights for the store aws_ssm with account: lab"),
}


def role_template(policies: t.Mapping[str, Document]) -> Document:
    """The template, whose policies are those of docs/iam with the account, user and policy put in."""
    parameters: Document = {
        "OpsPrincipalArn": {
            "Type": "String",
            "Description": "ARN of the user or role that runs the playbooks (never a whole account)",
            "AllowedPattern": "arn:[a-z-]+:iam::[0-9]{12}:(user|role)/.+",
        },
        "ExternalId": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": r"[\w+=,.@:/-]*",
            "Description": "lab_account_external_id, which is asked for unless this is empty",
        },
        "RoleName": {"Type": "String", "Default": ROLE, "Description": "lab_account_assume_role_name"},
        "UserName": {"Type": "String", "Default": USER, "Description": "lab_account_iam_user"},
        "PolicyArn": {"Type": "String", "Default": MTURK_POLICY, "Description": "lab_account_policy_arn"},
    }
    for name, (_file, default, description) in CHOICES.items():
        parameters[name] = {
            "Type": "String",
            "Default": default,
            "AllowedValues": ["true", "false"],
            "Description": description,
        }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role that labops.cloudresearch assumes in a lab's account",
        "Parameters": parameters,
        "Conditions": {
            "AsksForExternalId": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ExternalId"}, ""]}]},
            **{name: {"Fn::Equals": [{"Ref": name}, "true"]} for name in CHOICES},
        },
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": {"Ref": "RoleName"},
                    "Description": "For labops.cloudresearch, which looks after the lab's Mechanical Turk key",
                    "MaxSessionDuration": 3600,
                    "AssumeRolePolicyDocument": _trust(),
                    "Policies": [
                        {"Fn::If": [name, _inline(file, policies[file]), {"Ref": "AWS::NoValue"}]}
                        for name, (file, _default, _description) in CHOICES.items()
                    ],
                },
            }
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }


def _trust() -> Document:
    document = trust_of({"Ref": "OpsPrincipalArn"})
    asked = {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    document["Statement"][0]["Condition"] = {"Fn::If": ["AsksForExternalId", asked, {"Ref": "AWS::NoValue"}]}
    return document


def _inline(name: str, document: Document) -> Document:
    return {"PolicyName": name, "PolicyDocument": _filled(json.loads(json.dumps(document)))}


def _filled(value: t.Any) -> t.Any:
    """The policy with the parameters in the place of what they default to."""
    if isinstance(value, dict):
        return {name: _filled(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry) for entry in value]
    if value == MTURK_POLICY:
        return {"Ref": "PolicyArn"}
    if isinstance(value, str) and value.startswith("arn:aws:"):
        _arn, _partition, service, region, account, resource = value.split(":", 5)
        account = "${AWS::AccountId}" if account else ""
        resource = resource.replace(f"user/{USER}", "user/${UserName}")
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}"}
    return value
