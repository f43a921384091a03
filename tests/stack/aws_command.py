# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the program C(aws), which the tests do not install: arguments by the same rules, calls by botocore.

Only what the collection's advice uses, and strict: an operation or an argument that the service's model does not have
ends it with code 252, as the real one does.
"""

from __future__ import annotations

import sys
import typing as t

import botocore.session
import jmespath
from botocore import xform_name

# Arguments without a value.
SWITCHES = ("with-decryption",)
GLOBAL_OPTIONS = ("query", "output", "region", "endpoint_url", "profile", "ca_bundle")


def main(arguments: list[str]) -> None:
    """Run one command line, without the program's name."""
    service, operation, *rest = arguments
    given: dict[str, t.Any] = {}
    words = iter(rest)
    for argument in words:
        name, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--"):
            wrong(f"Unknown options: {argument}")
        given[name.replace("-", "_")] = value if equals or name in SWITCHES else next(words, "")
    settings = {name: given.pop(name) for name in GLOBAL_OPTIONS if name in given}
    session = botocore.session.Session(profile=settings.get("profile"))
    client = session.create_client(
        service, region_name=settings.get("region"), endpoint_url=settings.get("endpoint_url")
    )
    method = operation.replace("-", "_")
    api_name = client.meta.method_to_api_mapping.get(method)
    if api_name is None:
        wrong(f"Invalid choice: {operation}")
    members = client.meta.service_model.operation_model(api_name).input_shape.members
    parameters = {}
    for member in members:
        if xform_name(member) in given:
            text = given.pop(xform_name(member))
            parameters[member] = True if xform_name(member, "-") in SWITCHES else text
    if given:
        wrong(f"Unknown options: {', '.join(given)}")
    answer = getattr(client, method)(**parameters)
    found = jmespath.search(settings["query"], answer) if "query" in settings else answer
    if settings.get("output") == "text":
        print("\t".join(found) if isinstance(found, list) else found)
    else:
        print(found)


def wrong(message: str) -> t.NoReturn:
    """End as the real program does for a wrong command line."""
    print(f"aws: error: {message}", file=sys.stderr)
    sys.exit(252)


if __name__ == "__main__":
    main(sys.argv[1:])
