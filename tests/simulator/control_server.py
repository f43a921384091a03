# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side of the control interface: POST /<operation> with a JSON object of arguments; GET / lists them."""

from __future__ import annotations

import inspect
import json
import traceback
import typing as t

from moto.core.exceptions import ServiceException

from tests.simulator.faults import BadRequest
from tests.simulator.operations import Operations, Result


class ControlApp:
    """The WSGI application."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def __call__(self, environ: dict[str, t.Any], start_response: t.Callable[..., t.Any]) -> t.Iterable[bytes]:
        name = environ["PATH_INFO"].strip("/")
        try:
            status, result = 200, self._run(name, environ)
        except (BadRequest, TypeError) as exc:
            status, result = 400, {"error": str(exc)}
        except ServiceException as exc:
            status, result = 409, {"error": f"{exc.code}: {exc.message}"}
        except Exception as exc:
            traceback.print_exc()
            status, result = 500, {"error": f"{type(exc).__name__}: {exc}"}
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", [("Content-Type", "application/json")])
        return [json.dumps(result).encode()]

    def _run(self, name: str, environ: dict[str, t.Any]) -> Result:
        known = {
            operation: str(inspect.signature(method)).removesuffix(" -> Any")
            for operation, method in inspect.getmembers(self._operations, inspect.ismethod)
            if not operation.startswith("_")
        }
        if not name:
            return {"operations": known}
        if name not in known or environ["REQUEST_METHOD"] != "POST":
            raise BadRequest(f"POST one of: {', '.join(sorted(known))}")
        arguments = json.loads(environ["wsgi.input"].read() or b"{}")
        return getattr(self._operations, name)(**arguments)
