# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MTurk's codes mean, and what a reader does about each.

Beside botocore's model, which names C(RequestError) and C(ServiceFault) and leaves their C(TurkErrorCode) open, the
codes are from public issue threads: ParlAI #1062 and psiTurk #372 (AWS.AccountNotLinked), boto #3565
(AWS.NotAuthorized), rturk #33 (AWS.MechanicalTurk.PermissionDenied), MTurkR #35 (AWS.BadClaimsSupplied), simple-amt #27
(Forbidden, after the end of an older API).
"""

from __future__ import annotations

from ..aws import shared_advice as shared
from ..base import vocabulary
from ..base.advice import Row

_LINK_IT = (
    "The AWS account is not linked to an MTurk requester account ({environment})",
    "Sign in at {url} as the lab's requester and link the AWS account there; it takes a couple of minutes to take "
    "effect.",
)
_NO_NEED = "It need not be linked any more."
_IS_CLOSED = "{service} answers like a closed service ({code}): {answer}"
_MTURK_DENIED = "{service} denied the call ({code}): {answer}"

# The reasons are statuses of C(mturk_requester_check), but for those of the shared rows.
MTURK_ROWS = (
    Row("not_linked", *_LINK_IT, "AccountNotLinked MustRegister", once_closed=_NO_NEED, passing=True),
    Row(
        "not_linked",
        *_LINK_IT,
        "RequestError",
        said=r"not linked|must be linked|link your AWS account",
        once_closed=_NO_NEED,
        passing=True,
    ),
    *shared.CLOCK,
    Row(
        "clock_skew",
        "{service} refused the time or the signature of the request ({code}: {answer})",
        f"{shared.SET_CLOCK} If it is right, the secret is not that of the key.",
        "BadClaimsSupplied",
    ),
    *shared.REGION,
    Row(
        "invalid_credentials",
        "{service} does not know the access key ({code}): {answer}",
        "Check that the key exists, is active and matches its secret; a new key can take some seconds to work.",
        f"{shared.UNKNOWN_KEY} {shared.EXPIRED} BadCredentialSupplied NotAuthorized",
    ),
    Row(
        "service_closed",
        _IS_CLOSED,
        "Nothing on your side is at fault.",
        shared.ANSWERED,
        said=r"no longer|existing customers|This service is unavail|\b(?:is|has been|was) (?:closed|discontinued)\b",
    ),
    Row(
        "service_closed",
        _IS_CLOSED,
        "Nothing on your side is at fault, unless a proxy of yours gave that answer.",
        "Forbidden ForbiddenException HTTP403 HTTP410 ServiceClosed UnknownOperationException",
    ),
    *shared.DENIALS,
    Row(
        "access_denied",
        _MTURK_DENIED,
        "The refusal comes from the requester account, not from IAM: sign in at {url} as the lab's requester, and see "
        "what is wrong there.",
        "PermissionDenied",
    ),
    Row(
        "access_denied",
        _MTURK_DENIED,
        f"Attach {vocabulary.MTURK_POLICY_ARN} to {{who}}.",
        shared.DENIED,
    ),
    Row(
        "throttled",
        "{service} still throttled the call after several tries ({code})",
        "Run again later, with fewer forks.",
        shared.THROTTLED,
        passing=True,
    ),
    *shared.ACCOUNT,
    *shared.TLS,
    shared.NOT_ASKED,
    Row(
        "unreachable",
        "{service} gave no answer ({code}): {answer}",
        "Check the network, the proxy and the endpoint.",
        f"{shared.NO_CONNECTION} HTTP3xx HTTP4xx HTTP5xx ResponseParserError UnreadableAnswer",
        passing=True,
    ),
    *shared.PASSING,
    Row(
        "error",
        "{service} answered with an error ({code}): {answer}",
        "Run again; if the error persists, look {code} up in the MTurk documentation.",
    ),
)
