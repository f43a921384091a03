# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's endpoints that do not answer are waited for once a run (see C(base.silence))."""

from __future__ import annotations

from ..base import silence

try:
    import botocore.client
    import botocore.exceptions
    import botocore.parsers
except ImportError:  # AwsConnection says what is missing
    pass
else:

    class NotAskedError(botocore.exceptions.EndpointConnectionError):
        """The endpoint was not asked, because it did not answer other labs."""

        fmt = "{told}"

    # No connection, or no answer in time. A connection that is cut was answered by somebody.
    _SILENCE = (
        botocore.exceptions.ConnectTimeoutError,
        botocore.exceptions.EndpointConnectionError,
        botocore.exceptions.ProxyConnectionError,
        botocore.exceptions.ReadTimeoutError,
    )

# Where a call's question is kept in the context that botocore hands to all handlers of its events.
_QUESTION = "labops.cloudresearch.question"


def heed(client: botocore.client.BaseClient) -> None:
    """Let a client of botocore ask no endpoint that does not answer, and tell other labs' clients how it fared.

    A call then fails with an error of botocore's kind. This uses the client's events, which botocore has for that.
    """
    endpoint, proxies = client.meta.endpoint_url, client.meta.config.proxies

    def before(context: dict[str, silence.Question], **_others: object) -> None:
        try:
            context[_QUESTION] = silence.ask(endpoint, proxies)
        except silence.NotAskedError as exc:
            raise NotAskedError(told=str(exc)) from None

    def answered(context: dict[str, silence.Question], **_others: object) -> None:
        if question := context.get(_QUESTION):
            question.answered()

    def failed(exception: Exception, context: dict[str, silence.Question], **_others: object) -> None:
        question = context.get(_QUESTION)
        if question and isinstance(exception, _SILENCE):
            question.silent()
        elif question and isinstance(exception, botocore.parsers.ResponseParserError):
            question.answered()

    for event, handler in (("before-call", before), ("after-call", answered), ("after-call-error", failed)):
        client.meta.events.register(event, handler)
