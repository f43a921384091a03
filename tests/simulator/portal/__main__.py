# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CloudResearch double alone, with a demo account: python -m tests.simulator.portal

Prints one JSON line with the addresses (each rendering has its own), then answers until it is told to stop. There is
no MTurk behind it: a key is good when its secret is 40 characters long.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading

from . import RENDERINGS, KeyVerdict, PortalState, serve_portal


def _verify(access_key_id: str, secret_access_key: str) -> KeyVerdict:
    if len(secret_access_key) == 40:
        return KeyVerdict(True, "25.00")
    return KeyVerdict(False, error_code="UnrecognizedClientException", message="The security token is invalid.")


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator.portal", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="port of the app (default: a free one)")
    parser.add_argument("--rendering", default="classic", choices=list(RENDERINGS), help="for the first address")
    parser.add_argument("--password", default="demo password", help="of all demo accounts")
    options = parser.parse_args()
    state = PortalState(_verify, rendering=options.rendering)
    state.add_account("demo@uni.example", options.password, lab="demo")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    with serve_portal(state, port=options.port) as portal:
        told = {
            "portal_url": portal.url,
            "signin_url": portal.signin_url,
            "email": "demo@uni.example",
            "renderings": {name: portal.url_for(name) for name in RENDERINGS},
        }
        print(json.dumps(told), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
