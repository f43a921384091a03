# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS's codes mean, and what a reader does about each.

The codes are those of the API references (common errors, IAM, STS, Organizations, Secrets Manager, Systems Manager) and
of botocore's exceptions. The wording of denials is that of the IAM User Guide, "Troubleshoot access denied error
messages"; what closed services answered is from public issue threads (aws-nuke #373, #559, cloud-custodian #6059).
"""

from __future__ import annotations

from ..base.advice import Row
from .shared_advice import (
    ACCOUNT,
    ANSWERED,
    CLOCK,
    CORRECT_REGION,
    DENIALS,
    DENIED,
    DENIED_TO,
    EXPIRED,
    MFA_FIRST,
    NO_CONNECTION,
    NOT_ASKED,
    PASSING,
    PROFILE,
    REGION,
    THROTTLED,
    TLS,
    UNKNOWN_KEY,
)

_NOT_ACCEPTED = "{service} does not accept the credentials ({code}: {answer})"
_NO_CREDENTIALS = "no AWS credentials could be obtained ({answer})"
_TRY_PROFILE = "and try it: aws sts get-caller-identity."

# AWS deliberately answers the same whether the account, the role or only the trust is missing.
NOT_ASSUMABLE = Row(
    "role_not_assumable",
    "{answer}",
    "Check that the account id is right, that the role exists in that account and trusts the operator's account, and "
    "that the operator may call sts:AssumeRole on it.",
)

AWS_ROWS = (
    *CLOCK,
    *REGION,
    Row(
        "wrong_region",
        "this is not available in that region ({code}: {answer})",
        f"{CORRECT_REGION}, or enable it in the account.",
        "InvalidRegionError NoRegionError RegionDisabledException ServiceNotInRegionError UnknownEndpointError "
        "UnknownRegionError",
    ),
    Row(
        "invalid_credentials",
        _NOT_ACCEPTED,
        "Renew the operator's session, or sign in again: it has expired.",
        EXPIRED,
    ),
    Row(
        "invalid_credentials",
        _NOT_ACCEPTED,
        "Check the operator's access key, profile or session: the key is deleted or inactive, or does not match its "
        "secret. A region that is not enabled in the account gives the same answer.",
        UNKNOWN_KEY,
    ),
    Row(
        "invalid_credentials",
        _NOT_ACCEPTED,
        "The signature was lost on the way: check the proxy and, if set, endpoint_url.",
        "IncompleteSignature IncompleteSignatureException MissingAuthenticationToken "
        "MissingAuthenticationTokenException",
    ),
    Row(
        "service_closed",
        "{service} answers like a closed service ({code}: {answer})",
        "See AWS's notices about that service: neither a permission nor the network is at fault.",
        ANSWERED,
        said=r"no longer accepting new customers|only available (?:for|to) existing customers|This service is unavail",
    ),
    *DENIALS,
    Row("access_denied", DENIED_TO, "Allow {action} to {who} (see the guide on permissions).", DENIED),
    Row(
        "throttled",
        "{service} still throttled the call after several tries ({code})",
        "Run again; use fewer forks if it happens often.",
        THROTTLED,
        passing=True,
    ),
    *ACCOUNT,
    *PASSING,
    Row("aws_error", PASSING[0].told, PASSING[0].next_step, "HTTP5xx", passing=True),
    Row(
        "no_credentials",
        "no AWS credentials were found",
        "Give a profile, an access key, or credentials in the environment of the control node.",
        "NoCredentialsError",
    ),
    Row(
        "no_credentials",
        "only a part of the AWS credentials was found ({answer})",
        "Give the rest, or none of it and a profile instead.",
        "PartialCredentialsError",
    ),
    Row(
        "no_credentials",
        "nobody is signed in to AWS IAM Identity Center ({answer})",
        f"Sign in: aws sso login, {PROFILE}",
        "SSOError TokenRetrievalError",
    ),
    Row(
        "access_denied",
        _NO_CREDENTIALS,
        "Allow signin:CreateOAuth2Token to who signs in with aws login.",
        "LoginInsufficientPermissions",
    ),
    Row(
        "no_credentials",
        "nobody is signed in with aws login ({answer})",
        f"Sign in: aws login, {PROFILE}",
        "LoginError",
    ),
    Row(
        "no_credentials",
        "the profile's credential_process gave no credentials ({answer})",
        "Run the command of credential_process by hand, as the user who runs Ansible: it must end with 0 and print "
        "JSON with Version 1.",
        "CredentialRetrievalError",
        said=r"custom-process",
    ),
    Row(
        "no_credentials",
        _NO_CREDENTIALS,
        f"Correct what the profile takes its credentials from, {_TRY_PROFILE}",
        "CredentialRetrievalError UnknownCredentialError UnknownTokenProviderError",
    ),
    Row(
        "no_credentials",
        "the profile requires a second factor, which a run cannot ask for ({answer})",
        MFA_FIRST,
        "RefreshWithMFAUnsupportedError",
    ),
    Row(
        "no_credentials",
        "{answer}",
        "Correct the profile's name, or add it to the AWS configuration of the control node.",
        "ProfileNotFound",
    ),
    Row(
        "no_credentials",
        "the AWS configuration of the control node is wrong ({answer})",
        f"Correct that file (AWS_CONFIG_FILE or ~/.aws/config), {_TRY_PROFILE}",
        "ConfigNotFound ConfigParseError InvalidConfigError",
    ),
    Row(
        "delete_conflict",
        "something is in the way ({answer})",
        "Remove what is in the way first ({way}), then run again.",
        "DeleteConflict DeleteConflictException",
        said=r"must (?P<way>[\w ,-]+?),? first",
    ),
    Row(
        "delete_conflict",
        "something is in the way ({answer})",
        "Look at what is still attached to it (keys, policies, groups, devices), remove that, then run again.",
        "DeleteConflict DeleteConflictException",
    ),
    Row(
        "aws_error",
        "somebody else was changing the same thing ({code}: {answer})",
        "Run again.",
        "ConcurrentModification ConcurrentModificationException EntityTemporarilyUnmodifiable OperationAborted "
        "TooManyUpdates",
        passing=True,
    ),
    # Nobody creates a key without having seen that there is room for it.
    Row(
        "aws_error",
        "the user has got another key in the meantime, and AWS allows no third ({code}: {answer})",
        "If another run has this lab, let it end. Then run again, which looks at the user's keys anew.",
        "LimitExceeded",
        said=r"AccessKeysPerUser",
    ),
    Row(
        "aws_error",
        "a quota of the AWS account is used up ({code}: {answer})",
        "Remove what nobody needs, or ask AWS for a higher quota (Service Quotas), then run again.",
        "LimitExceeded ParameterLimitExceeded ParameterMaxVersionLimitExceeded",
    ),
    Row(
        "aws_error",
        "the KMS key cannot be used ({code}: {answer})",
        "Make sure that the KMS key exists in that region, is enabled, and may be used by {who}.",
        "DecryptionFailure DisabledException EncryptionFailure InvalidKeyId KMSInvalidStateException",
    ),
    Row(
        "aws_error",
        "it is not there ({code}: {answer})",
        "Run again, so that it is read again; if the error persists, check the account and the region.",
        "NoSuchEntity ParameterNotFound ResourceNotFoundException",
    ),
    Row(
        "aws_error",
        "it is there already ({code}: {answer})",
        "Run again, so that it is read again.",
        "EntityAlreadyExists ParameterAlreadyExists ResourceExistsException",
    ),
    Row(
        "aws_error",
        "AWS does not accept a value that it was given ({code}: {answer})",
        "Correct the option or variable that holds the value which the message names.",
        "InvalidInput InvalidInputException InvalidParameterException InvalidParameterValue InvalidRequestException "
        "MalformedPolicyDocument ParamValidationError ValidationError ValidationException",
    ),
    *TLS,
    NOT_ASKED,
    Row(
        "unreachable",
        "{service} could not be reached ({answer})",
        "Check the network, the proxy, the region and, if set, endpoint_url; then run again.",
        NO_CONNECTION,
        passing=True,
    ),
    Row(
        "aws_error",
        "the answer did not come from {service} ({code}: {answer})",
        "Check the proxy and, if set, endpoint_url: something else answers there.",
        "HTTP3xx HTTP4xx InvalidAction ResponseParserError UnknownOperationException",
    ),
    Row(
        "aws_error",
        "{code}: {answer}",
        "Run again; if the error persists, look {code} up in the AWS documentation of the call, or ask AWS support.",
    ),
)
