# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks AWS again where an answer cannot be read, such as one that broke off or the error page of a proxy.

botocore repeats by itself what is throttled, refused for the moment, cut or not answered in time. It does not look
whether an answer is whole, and takes JSON that it cannot read for an empty answer. So this uses its events, which are
there for such things (boto3's "Extensibility guide"). Which calls may be repeated is said in one place for both, by the
tries of their client (C(AwsConnection.client)); calls that must not be repeated blindly have a client with one try.
"""

from __future__ import annotations

import functools
import json
import time
import typing as t

from ..base import hiccups
from .client_calls import Call, wrap_calls

try:
    import botocore.exceptions
    import botocore.parsers
    import botocore.session
except ImportError:  # AwsConnection says what is missing
    pass


def repeat_unreadable(session: botocore.session.Session) -> None:
    """Let the clients that a session of botocore makes from now on ask again if an answer cannot be read.

    If it stays like that, the call fails with botocore's C(ResponseParserError), whatever the service's protocol.
    """
    wrap_calls(session, _repeating)
    session.register("before-parse", _refuse_unreadable)


def _repeating(call: Call) -> Call:
    @functools.wraps(call)
    def repeated(client: t.Any, *arguments: object, **options: object) -> t.Any:
        tries = min(hiccups.TRIES, client.meta.config.retries.get("total_max_attempts", hiccups.TRIES))
        earlier = 0
        while True:
            try:
                answer = call(client, *arguments, **options)
                _refuse_list_without_its_rest(answer)
                return answer
            except (botocore.parsers.ResponseParserError, RecursionError) as exc:
                earlier += 1
                if earlier >= tries and isinstance(exc, RecursionError):
                    # Parsers run out of stack, and have no error of their own for it.
                    raise botocore.parsers.ResponseParserError("the answer is nested too deep") from None
                if earlier >= tries:
                    raise
            except botocore.exceptions.ClientError as exc:
                # Whoever wants to know whether the call was repeated, and may have met its own effect, finds it there.
                about = exc.response.setdefault("ResponseMetadata", {})
                about["RetryAttempts"] = about.get("RetryAttempts", 0) + earlier
                raise
            time.sleep(hiccups.pause(earlier))

    return repeated


def _refuse_unreadable(response_dict: t.Mapping[str, t.Any], **_others: object) -> None:
    if response_dict["status_code"] >= 300:
        # A refusal tells its reason as well as it can.
        return
    kind, body = str(response_dict["headers"].get("content-type", "")), response_dict["body"]
    if hiccups.is_web_page(kind) or ("json" in kind.lower() and body and not _is_json(body)):
        raise botocore.parsers.ResponseParserError("the answer is not one of AWS, or it is not whole")


def _refuse_list_without_its_rest(answer: object) -> None:
    """Refuse an answer that says that more follows, but not how to ask for it: paginators take it for the last page."""
    if isinstance(answer, dict) and answer.get("IsTruncated") and not answer.get("Marker"):
        raise botocore.parsers.ResponseParserError("the list goes on, but the answer does not say where")


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
