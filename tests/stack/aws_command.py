# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the program C(aws), which the tests do not install: arguments by the same rules, calls by botocore.

Only what the collection's advice uses, and strict: an operation or an argument that the service's model does not have
ends it with code 252, as the real one does.
"""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import botocore.session
import jmespath
from botocore import xform_name

GLOBAL_OPTIONS = ("query", "output", "region", "endpoint-url", "profile", "ca-bundle")
# Where the command's name is not that of the service.
SERVICES = {"s3api": "s3"}


def main(arguments: list[str]) -> None:
    """Run one command line, without the program's name."""
    service, operation, *rest = arguments
    given = values_by_option(rest)
    if (service, operation) == ("configure", "export-credentials"):
        export_credentials(**{name: value for name, (value,) in given.items()})
        return
    settings = {name: given.pop(name)[0] for name in GLOBAL_OPTIONS if name in given}
    session = botocore.session.Session(profile=settings.get("profile"))
    client = session.create_client(
        SERVICES.get(service, service),
        region_name=settings.get("region"),
        endpoint_url=settings.get("endpoint-url"),
        verify=settings.get("ca-bundle"),
    )
    api_name = client.meta.method_to_api_mapping.get(operation.replace("-", "_"))
    if api_name is None:
        wrong(f"Invalid choice: {operation}")
    shape = client.meta.service_model.operation_model(api_name).input_shape
    parameters = {}
    for member, kind in (shape.members if shape else {}).items():
        if (name := xform_name(member, "-")) in given:
            parameters[member] = value_of(kind, given.pop(name))
    if given:
        wrong(f"Unknown options: {', '.join(given)}")
    answer = getattr(client, operation.replace("-", "_"))(**parameters)
    answer.pop("ResponseMetadata")
    found = jmespath.search(settings["query"], answer) if "query" in settings else answer
    if settings.get("output") == "text":
        print("\t".join(found) if isinstance(found, list) else found)
    elif found:
        print(json.dumps(found, indent=4, default=str))


def export_credentials(format: str, profile: str | None = None) -> None:
    """The lines that a shell evaluates; a code that the profile requires is asked for."""
    if format != "env":
        wrong(f"Invalid choice: {format}")
    held = botocore.session.Session(profile=profile).get_credentials().get_frozen_credentials()
    print(f"export AWS_ACCESS_KEY_ID={held.access_key}\nexport AWS_SECRET_ACCESS_KEY={held.secret_key}")
    if held.token:
        print(f"export AWS_SESSION_TOKEN={held.token}")


def values_by_option(words: list[str]) -> dict[str, list[str]]:
    """The words behind each option; C(--option=value) has one."""
    given: dict[str, list[str]] = {}
    values: list[str] | None = None
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            values = given[name] = [value] if equals else []
        elif values is None:
            wrong(f"Unknown options: {word}")
        else:
            values.append(word)
    return given


def value_of(kind: t.Any, words: list[str]) -> t.Any:
    """The value of an option: a switch, a list of words, shorthand such as C(Key=a,Value=b), or one word or file."""
    if kind.type_name == "boolean" and not words:
        return True
    if kind.type_name == "list":
        return [value_of(kind.member, [word]) for word in words]
    if len(words) != 1:
        wrong(f"Expected one argument, got {words}")
    (word,) = words
    if kind.type_name == "structure":
        parts = dict(part.split("=", 1) for part in word.split(","))
        if unknown := parts.keys() - kind.members.keys():
            wrong(f"Unknown keys: {', '.join(unknown)}")
        return {name: value_of(kind.members[name], [part]) for name, part in parts.items()}
    if kind.type_name == "boolean":
        return {"true": True, "false": False}[word]
    return pathlib.Path(word.removeprefix("file://")).read_text() if word.startswith("file://") else word


def wrong(message: str) -> t.NoReturn:
    """End as the real program does for a wrong command line."""
    print(f"aws: error: {message}", file=sys.stderr)
    sys.exit(252)


if __name__ == "__main__":
    main(sys.argv[1:])
