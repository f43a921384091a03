# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One TLS context for all AWS clients that trust the same authorities.

urllib3 reads the bundle of certificate authorities anew for each connection that botocore opens, which takes 20 ms of
CPU with certifi's; a lab needs half a dozen connections. A context that has read its bundle once serves them all.
"""

from __future__ import annotations

import functools
import ssl
import typing as t

try:
    import botocore.httpsession

    HAS_BOTOCORE = True
except ImportError:
    HAS_BOTOCORE = False


class _ReadsBundlesOnce(ssl.SSLContext):
    """A context that does not read a bundle again that it has read."""

    def load_verify_locations(self, cafile: t.Any = None, capath: t.Any = None, cadata: t.Any = None) -> None:
        """Trust these authorities."""
        known = self.__dict__.setdefault("bundles_read", set())
        bundle = (cafile, capath, cadata)
        if bundle not in known:
            super().load_verify_locations(cafile, capath, cadata)
            known.add(bundle)


@functools.cache
def _context(bundle: str) -> ssl.SSLContext:
    context: ssl.SSLContext = botocore.httpsession.create_urllib3_context()
    # botocore's own settings of the context stay as they are.
    context.__class__ = _ReadsBundlesOnce
    context.load_verify_locations(bundle)
    return context


def share_context(client: t.Any) -> None:
    """Let a client use the context of all clients that trust the same bundle.

    Clients that do not verify, or that show a certificate of their own, keep their own context. So does every client
    whose inner parts are not as in the botocore that this was tested with (see C(tests/requirements.txt)): nothing
    is lost then but time.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    settings = getattr(getattr(session, "_manager", None), "connection_pool_kw", {})
    verify = getattr(session, "_verify", None)
    if not HAS_BOTOCORE or not verify or getattr(session, "_cert_file", None) or "ssl_context" not in settings:
        return
    try:
        settings["ssl_context"] = _context(str(botocore.httpsession.get_cert_path(verify)))
    except (OSError, TypeError):
        # Such as a bundle that is not there; the client's first call will say so.
        return
