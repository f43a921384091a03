# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto alone, for services that the simulator lacks (S3, CloudFormation): accounts are apart, rights are not judged."""

from __future__ import annotations

import contextlib
import threading
import typing as t
import urllib.request

import werkzeug.serving
from moto.server import DomainDispatcherApplication, create_backend_app

from tests.simulator.clients import client

# The management account's; moto takes any key that it did not give out for one of that account.
KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}


class Typed:
    """moto's application, whose answers say what they are, as AWS's do: moto calls most of them web pages."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, t.Any], start_response: t.Callable[..., t.Any]) -> t.Iterable[bytes]:
        kind = "application/x-amz-json-1.1" if "HTTP_X_AMZ_TARGET" in environ else "text/xml"

        def start(status: str, headers: list[tuple[str, str]], exc_info: t.Any = None) -> t.Any:
            kept = [(name, value) for name, value in headers if name.lower() != "content-type"]
            return start_response(status, [*kept, ("Content-Type", kind)], exc_info)

        return t.cast("t.Iterable[bytes]", self._app(environ, start))


def _without_no_values(clean: t.Callable[[t.Any, t.Any], t.Any]) -> t.Callable[[t.Any, t.Any], t.Any]:
    """moto's reading of templates, where C(AWS::NoValue) is no item of a list, as CloudFormation documents it."""

    def cleaned(value: t.Any, resources: t.Any) -> t.Any:
        found = clean(value, resources)
        return [item for item in found if item is not None] if isinstance(value, list) else found

    return cleaned


@contextlib.contextmanager
def running_moto() -> t.Iterator[str]:
    """Serve moto from this process; the address."""
    # Not above: it takes two seconds, which every process that only collects the tests of tests/stack would spend.
    from moto.cloudformation import parsing

    original = parsing.clean_json
    parsing.clean_json = _without_no_values(original)
    server = werkzeug.serving.make_server("127.0.0.1", 0, Typed(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        # What it keeps is the process's, not the server's.
        urllib.request.urlopen(f"{url}/moto-api/reset", b"", timeout=30).close()
        yield url
    finally:
        server.shutdown()
        thread.join(10)
        parsing.clean_json = original


class Organization:
    """An organization without accounts, which the management account's credentials reach."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._service = self.of("organizations")
        self._service.create_organization(FeatureSet="ALL")
        self._root = self._service.list_roots()["Roots"][0]["Id"]

    def credentials(self, account_id: str) -> dict[str, str]:
        """C(AccessKeyId), C(SecretAccessKey) and C(SessionToken) of a role in an account."""
        role = f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole"
        answer = self.of("sts").assume_role(RoleArn=role, RoleSessionName="tests")
        return t.cast("dict[str, str]", answer["Credentials"])

    def of(self, service: str, account_id: str = "") -> t.Any:
        """A client in an account, else in the management account."""
        if not account_id:
            return client(service, self._url, *KEYS.values())
        held = self.credentials(account_id)
        return client(service, self._url, held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"])

    def add_unit(self, name: str) -> str:
        """The id of a new organizational unit."""
        unit = self._service.create_organizational_unit(ParentId=self._root, Name=name)["OrganizationalUnit"]
        return str(unit["Id"])

    def add(self, name: str, unit: str = "") -> str:
        """The id of a new account."""
        made = self._service.create_account(AccountName=name, Email=f"{name}@example.edu")["CreateAccountStatus"]
        account_id = str(made["AccountId"])
        if unit:
            self._service.move_account(AccountId=account_id, SourceParentId=self._root, DestinationParentId=unit)
        return account_id
