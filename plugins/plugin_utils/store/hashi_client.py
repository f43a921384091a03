# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to HashiCorp Vault and OpenBao: signing in, and what the servers refuse in plain words."""

from __future__ import annotations

import contextlib
import io
import os
import time
import typing as t
import urllib.parse

from ..base import hiccups, library_logs, limited_answers, silence
from ..base.addresses import is_loopback, may_take_a_secret
from ..base.advice import Row, advise
from ..base.errors import CollectionError, invalid_options
from .base import Options
from .reasons import StoreReason, store_error

try:
    import hvac
    import requests
    import requests.adapters
    import urllib3

    HAS_HVAC = True
except ImportError:
    HAS_HVAC = False
else:

    class NotAsked(requests.exceptions.ConnectionError):
        """The server was not asked, because it did not answer other labs."""

    class UnusableAnswer(requests.exceptions.RequestException):
        """The server's answer is none that is read: too large, or packed."""

    class _LimitedAdapter(requests.adapters.HTTPAdapter):
        """Reads an answer whole, within the limits of time and size."""

        def send(self, request: requests.PreparedRequest, *arguments: t.Any, **options: t.Any) -> requests.Response:
            """Send a request, with the time limits for a connection and for an answer in C(options)."""
            options["stream"] = True
            to_connect, to_answer = options["timeout"]

            def ask() -> tuple[requests.Response, bytes]:
                response = super(_LimitedAdapter, self).send(request, *arguments, **options)
                with contextlib.closing(response):
                    return response, _read(response)

            try:
                response, content = limited_answers.in_time(ask, to_connect + to_answer)
            except TimeoutError:
                raise requests.exceptions.ReadTimeout(request=request) from None
            response.raw = io.BytesIO(content)
            return response

    class _CarefulSession(requests.Session):
        """Asks no server that does not answer (see C(base.silence)), and again after a hiccup.

        A standby sends its callers on; a token goes along only where TLS is.
        """

        def __init__(self) -> None:
            super().__init__()
            # What is packed can be small here and large when it is unpacked.
            self.headers["Accept-Encoding"] = "identity"
            self.max_redirects = _REDIRECTS
            for scheme in ("http://", "https://"):
                self.mount(scheme, _LimitedAdapter())

        def send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
            """Send a request, with a limit of its own for the connection."""
            at = urllib.parse.urlsplit(request.url or "")
            if is_loopback(at.hostname or ""):
                # What is not encrypted because it stays on this machine must not go through a proxy.
                kwargs["proxies"] = {}
            try:
                question = silence.ask(f"{at.scheme}://{at.netloc}")
            except silence.NotAskedError as exc:
                raise NotAsked(str(exc)) from None
            given = kwargs.get("timeout") or _DEFAULT_TIMEOUT
            # requests hands both on to where a redirect leads.
            answer = given[1] if isinstance(given, tuple) else given
            kwargs["timeout"] = (min(_CONNECT_TIMEOUT, answer), answer)
            try:
                response = self._send_patiently(request, **kwargs)
            except requests.exceptions.RequestException as exc:
                if silence.nobody_answered(exc):
                    question.silent()
                raise
            if _is_sealed(response):
                # The server says so to everybody.
                question.silent("sealed")
            else:
                question.answered()
            return response

        def _send_patiently(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
            """Send a request, a few times if need be: writes, too, as they are made with check-and-set; no sign-in.

            The repetitions of urllib3 see neither a body that breaks off nor one that is a web page, and know silence
            from nothing else.
            """
            for tries in range(1, 1 if _SIGN_IN in (request.url or "") else hiccups.TRIES):
                try:
                    response = super().send(request, **kwargs)
                except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as exc:
                    if isinstance(exc, requests.exceptions.SSLError) or silence.nobody_answered(exc):
                        raise
                else:
                    passing = response.status_code in hiccups.PASSING and not _is_sealed(response)
                    if not passing and not hiccups.is_web_page(response.headers.get("Content-Type", "")):
                        return response
                time.sleep(hiccups.pause(tries))
            return super().send(request, **kwargs)

        def get_redirect_target(self, resp: requests.Response) -> str | None:
            """The address in the answer; documented as the hook for deciding where to go."""
            target = super().get_redirect_target(resp)
            if target and not may_take_a_secret(urllib.parse.urljoin(resp.url, target)):
                raise requests.exceptions.InvalidURL("it sends its callers on to an address without TLS")
            return target


library_logs.keep_apart("hvac", "requests", "urllib3")


# Seconds for a connection and for an answer.
_CONNECT_TIMEOUT = 4.0
_DEFAULT_TIMEOUT = 10.0
# A standby names the active server; before it there may be a host that knows another name.
_REDIRECTS = 3
# A record is not larger than private_files.MAX_BYTES, nor are its descriptions.
_LARGEST_ANSWER = 2_000_000
# What a server answers that is sealed (API reference, "HTTP status codes").
_SEALED = 503
# What hvac, or a look at its result, raises when an answer has another shape than those servers give it.
_NOT_UNDERSTOOD = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)
# The path of all ways to sign in (API reference, "Auth methods").
_SIGN_IN = "/v1/auth/"


def _read(response: requests.Response) -> bytes:
    """The body of an answer that nobody has read yet, with the errors that requests has for it."""
    if response.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise UnusableAnswer("the server's answer is encoded in a way that was not asked for")
    try:
        return limited_answers.body(response.raw, _LARGEST_ANSWER)
    except limited_answers.TooLargeError:
        raise UnusableAnswer("the server's answer is larger than any about a record") from None
    except urllib3.exceptions.ReadTimeoutError as exc:
        raise requests.exceptions.ReadTimeout(exc) from None
    except urllib3.exceptions.SSLError as exc:
        raise requests.exceptions.SSLError(exc) from None
    except urllib3.exceptions.HTTPError as exc:
        raise requests.exceptions.ChunkedEncodingError(exc) from None


def _is_sealed(response: requests.Response) -> bool:
    return response.status_code == _SEALED and b"sealed" in response.content


def sign_in(url: str, namespace: str | None, ca_cert: str, options: Options) -> hvac.Client:
    """A client with a token.

    :param options: the store's, for the token or the AppRole, C(validate_certs) and C(timeout).
    :raises CollectionError: hvac is not installed, or there is no token.
    """
    if not HAS_HVAC:
        raise CollectionError(
            "The store type hashi_vault needs the Python library hvac.",
            next_step="Install hvac into the Python that runs Ansible.",
            reason="missing_library",
        )
    # Without one, hvac takes the file ~/.vault-token. Tokens from files and pipes end with a line break.
    variables = () if options.get("role_id") else (os.environ.get(name) for name in ("VAULT_TOKEN", "BAO_TOKEN"))
    token = next((text.strip() for text in (options.get("token"), *variables) if text), None)
    session = _CarefulSession()
    session.verify = (ca_cert or True) if options.get("validate_certs", True) else False
    client = hvac.Client(
        url=url,
        token=str(token) if token else None,
        namespace=namespace,
        verify=session.verify,
        session=session,
        timeout=float(options.get("timeout", _DEFAULT_TIMEOUT)),
    )
    if options.get("role_id"):
        client.auth.approle.login(
            role_id=str(options["role_id"]),
            secret_id=str(options["secret_id"]),
            mount_point=str(options.get("approle_mount_point", "approle")),
        )
    elif not client.token:
        raise invalid_options(
            f"There is no token for the store at {url}.",
            "Set store.token, VAULT_TOKEN or ~/.vault-token, or sign in with store.role_id and store.secret_id.",
        )
    return client


@contextlib.contextmanager
def saying(doing: str, rights: str) -> t.Iterator[None]:
    """Turn what the server refuses into an error for people.

    :param doing: what is done, to complete "could not ...".
    :param rights: what the token's policy has to allow.
    """
    if not HAS_HVAC:
        # Nothing of hvac to catch; the first use says what is missing.
        yield
        return
    try:
        yield
    except (hvac.exceptions.VaultError, requests.exceptions.RequestException) as exc:
        raise refused(doing, exc, rights) from None
    except RecursionError:
        raise store_error(
            StoreReason.RECORD_MALFORMED,
            doing,
            "what is there is nested deeper than any record.",
            "Look at it with the store's own command, and move it away if it is not one of this collection's; else "
            "restore an earlier version.",
        ) from None
    except _NOT_UNDERSTOOD:
        raise store_error(
            StoreReason.UNAVAILABLE,
            doing,
            "what answered is no Vault or OpenBao, or its answer is damaged.",
            "Check store.url, and what is between this machine and the server.",
        ) from None


def refused(doing: str, exc: Exception, rights: str) -> CollectionError:
    """What an exception of hvac's or of requests' means, by the table.

    :param doing: what was done, to complete "could not ...".
    :param rights: what the token's policy has to allow.
    """
    codes = [cls.__name__ for cls in type(exc).__mro__]
    # Without the server's own words, the text of hvac's exceptions is an address.
    own_text = "" if isinstance(exc, hvac.exceptions.VaultError) else str(exc)
    errors = getattr(exc, "errors", None) or ()
    listed = errors if isinstance(errors, (list, tuple)) else (errors,)
    said = "; ".join(map(str, listed)) or own_text or codes[0]
    advice = advise(VAULT_ROWS, codes, said, rights=rights)
    return store_error(StoreReason(advice.row.reason), doing, f"{advice.told}.", advice.next_step)


# What Vault and OpenBao refuse: hvac's exceptions, one for each HTTP status, and those of requests (their references).
VAULT_ROWS = (
    Row(
        StoreReason.DENIED,
        "the server denied it ({answer})",
        "Check that the token or AppRole is valid and that its policy allows {rights}.",
        "Forbidden Unauthorized",
    ),
    Row(StoreReason.SEALED, "the server is sealed", "Have it unsealed, then run again.", "VaultDown", said="sealed"),
    Row(
        StoreReason.TLS,
        "its TLS certificate is not trusted",
        "Set store.ca_cert to the CA's certificate.",
        "SSLError",
    ),
    Row(StoreReason.TLS, "{answer}", "Set store.url to the address of the active server, with https://.", "InvalidURL"),
    Row(
        StoreReason.UNAVAILABLE,
        "{answer}",
        "Check store.url, store.mount_point and store.prefix: what is there is no record, or no such server.",
        "UnusableAnswer",
    ),
    Row(
        StoreReason.UNREACHABLE,
        "the server was {answer}",
        "Remove the cause first (network, proxy, store.url, a server that is down or sealed); then run again for this "
        "lab.",
        "NotAsked",
    ),
    Row(
        StoreReason.UNREACHABLE,
        "the server could not be reached ({code})",
        "Check store.url and the network, then run again.",
        "RequestException",
    ),
    Row(
        StoreReason.UNAVAILABLE,
        "the server said: {answer}",
        "Check store.url, store.mount_point (a KV engine of version 2), store.namespace and the server's state.",
    ),
)
