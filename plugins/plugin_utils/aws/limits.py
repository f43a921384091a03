# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of AWS's endpoints, or of whoever stands in their place, end (see C(base.limited_answers)).

botocore reads an answer to its end, however large it is and however long that takes. What it calls a time limit is one
for each read.
"""

from __future__ import annotations

import io
import typing as t

from ..base import limited_answers

try:
    import botocore.awsrequest
    import botocore.exceptions
    import botocore.parsers
    import botocore.session
    import urllib3
except ImportError:  # AwsConnection says what is missing
    pass

# A page of a thousand roles with their policies is some megabytes.
LARGEST_ANSWER = 32_000_000
# An answer is whole within so many times the seconds in which it has to begin.
_WHOLE_WITHIN = 2


def limit_answers(session: botocore.session.Session) -> None:
    """Let the clients that a session of botocore makes from now on read no answer without end.

    What is late is botocore's C(ReadTimeoutError), what is too large its C(ResponseParserError). This adds a base class
    to the clients, which botocore has an event for (boto3's "Extensibility guide").
    """
    session.register("creating-client-class", _add_limits)


def _add_limits(base_classes: list[type], **_others: object) -> None:
    base_classes.insert(0, _WithLimits)


class _WithLimits:
    """The part of a client that puts limits on what its endpoint sends and reads by."""

    def __init__(self, *arguments: t.Any, **named: t.Any) -> None:
        super().__init__(*arguments, **named)
        endpoint, config = named.get("endpoint"), named.get("client_config")
        if endpoint is not None and config is not None:
            seconds = config.connect_timeout + _WHOLE_WITHIN * config.read_timeout
            endpoint.http_session = _LimitedHttp(endpoint.http_session, seconds)


class _LimitedHttp:
    """Sends requests as botocore's own session of HTTP does, and reads their answers within limits."""

    def __init__(self, session: t.Any, seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, request: botocore.awsrequest.AWSPreparedRequest) -> botocore.awsrequest.AWSResponse:
        """Send a request; its answer, which was read to its end."""
        try:
            return limited_answers.in_time(lambda: self._send(request), self._seconds)
        except TimeoutError as exc:
            raise botocore.exceptions.ReadTimeoutError(endpoint_url=request.url, error=exc) from None

    def _send(self, request: botocore.awsrequest.AWSPreparedRequest) -> botocore.awsrequest.AWSResponse:
        # Else it would be read at once.
        request.stream_output = True
        response = self._session.send(request)
        try:
            body = limited_answers.body(response.raw, LARGEST_ANSWER)
        except limited_answers.TooLargeError:
            raise botocore.parsers.ResponseParserError("the answer is larger than any of AWS") from None
        except urllib3.exceptions.ReadTimeoutError as exc:
            raise botocore.exceptions.ReadTimeoutError(endpoint_url=request.url, error=exc) from None
        except urllib3.exceptions.HTTPError as exc:
            raise botocore.exceptions.ConnectionClosedError(
                endpoint_url=request.url, request=request, error=exc
            ) from None
        finally:
            response.raw.close()
        read = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        return botocore.awsrequest.AWSResponse(response.url, response.status_code, response.headers, read)
