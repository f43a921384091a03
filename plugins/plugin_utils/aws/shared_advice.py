# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS's services and MTurk have in common of their codes (see C(aws.advice) for the sources)."""

from __future__ import annotations

from ..base.advice import Row

SIGNATURE = "InvalidSignatureException SignatureDoesNotMatch"
UNKNOWN_KEY = f"{SIGNATURE} AuthFailure InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException"
EXPIRED = "ExpiredToken ExpiredTokenException"
DENIED = "AccessDenied AccessDeniedException UnauthorizedOperation"
THROTTLED = (
    "LimitExceededException PriorRequestNotComplete RequestLimitExceeded RequestThrottled RequestThrottledException "
    "SlowDown Throttling ThrottledException ThrottlingException TooManyRequestsException"
)
# Every refusal that is an answer has it, whatever its code.
ANSWERED = "answered"
NO_CONNECTION = "ConnectionError EndpointConnectionError HTTPClientError"
ACCESS_DENIED_CODES = frozenset(DENIED.split())
THROTTLING_CODES = frozenset(THROTTLED.split())

_WRONG_TIME = "{service} refused the time of the request: the clock here is wrong ({code}: {answer})"
SET_CLOCK = "Set the clock of the control node (AWS allows five minutes; NTP keeps it right), then run again."
CORRECT_REGION = "Correct the region (option region, AWS_REGION or the profile's)"
DENIED_TO = "{service} denied {action} ({answer})"
PROFILE = "with --profile and the profile's name if it is not the default one."
MFA_FIRST = (
    "Get a session with the second factor first, in the shell that runs this, and run it without that profile: "
    'eval "$(aws configure export-credentials --format env)", ' + PROFILE
)

NOT_ASKED = Row(
    "unreachable",
    "{service} was {answer}",
    "Remove the cause first (network, proxy, endpoint, or a service that is closed); then run again for this lab.",
    "NotAskedError",
    passing=True,
)
CLOCK = (
    Row("clock_skew", _WRONG_TIME, SET_CLOCK, SIGNATURE, said=r"\bexpired\b|not yet current"),
    Row("clock_skew", _WRONG_TIME, SET_CLOCK, "RequestExpired RequestInTheFuture RequestTimeTooSkewed"),
)
REGION = (
    Row(
        "wrong_region",
        "{service} was asked in the wrong region ({code}: {answer})",
        f"{CORRECT_REGION}, and endpoint_url if it is set.",
        f"{SIGNATURE} AuthorizationHeaderMalformed",
        said=r"\bregion\b",
    ),
)
DENIALS = tuple(
    Row("access_denied", DENIED_TO, next_step, DENIED, said)
    for said, next_step in (
        (
            r"(?P<policy>(?:service|resource) control policy)",
            "Ask those who manage the organization's policies to except {who} from that {policy}, or not to forbid "
            "{action}; nothing that is attached inside the account can allow it.",
        ),
        (
            r"permissions boundary",
            "Change the permissions boundary of {who}, or have it taken away: it limits all that other policies allow, "
            "so one more policy changes nothing.",
        ),
        (
            r"session policy",
            "Sign in with a session whose own policy allows {action}: it limits what the role may do.",
        ),
        (
            r"VPC endpoint policy",
            "Ask the people of the network to let the policy of their VPC endpoint allow {action}.",
        ),
        (
            r"(?P<policy>role trust policy|resource-based policy)",
            "Change the {policy} of what is asked for, in the account that owns it, so that it lets {who} in.",
        ),
        (
            r"explicit deny",
            "Find the statement with Effect Deny among the policies of {who} and of its groups, and except {action} "
            "from it: a Deny wins over every Allow.",
        ),
        (r"MultiFactorAuthentication|multi-factor|\bMFA\b", MFA_FIRST),
        (r"perform:? kms:", "Allow {action} to {who}, in the policy of the KMS key as well as in its own."),
    )
)
ACCOUNT = (
    Row(
        "account_not_activated",
        "{service} says that the AWS account is not activated for it ({code}: {answer})",
        "Complete the account's sign-up as its root user (payment method and telephone check, "
        "https://portal.aws.amazon.com/billing/signup); it can take AWS 24 hours after that.",
        "OptInRequired PendingVerification SubscriptionRequired SubscriptionRequiredException",
    ),
)
PASSING = (
    Row(
        "aws_error",
        "{service} is temporarily out of order ({code}: {answer})",
        "Run again later: this is usually temporary. If it persists, see https://health.aws.amazon.com/health/status.",
        "InternalError InternalFailure InternalServerError InternalServerException InternalServiceError "
        "InternalServiceErrorException InternalServiceException ServiceException ServiceFailure ServiceFault "
        "ServiceUnavailable ServiceUnavailableException",
        passing=True,
    ),
)
TLS = (
    Row(
        "tls",
        "the TLS certificate of the server that answers for {service} is not trusted here ({answer})",
        "If a proxy intercepts TLS, name the file with its CA: AWS_CA_BUNDLE, ca_bundle in the AWS configuration "
        "or the option aws_ca_bundle. Otherwise check endpoint_url and the clock of the control node.",
        "SSLError",
        said=r"certificate",
    ),
    Row(
        "tls",
        "no TLS connection to {service} could be made ({answer})",
        "Check endpoint_url (does the other side expect http?) and the proxy, which may interrupt TLS.",
        "SSLError",
    ),
)
