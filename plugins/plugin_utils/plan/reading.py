# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a plan's file, which people may have edited, and refuses all that is not plainly a plan, with the line."""

from __future__ import annotations

import datetime
import difflib
import pathlib
import typing as t

import yaml

from ..base import ordinary_files, times
from ..base.errors import CollectionError
from .shapes import (
    ACCOUNT_ID,
    KEY_ID,
    MOST_DAYS,
    SCHEMA,
    USER_ARN,
    Doing,
    Plan,
    PlannedAccount,
    PlannedKey,
    UndecidedKey,
)

# A plan of 100,000 keys is not larger.
MOST_BYTES = 50_000_000
# A key's fields are in a list, in an account, in a list, in the plan; a little more, to say what is wrong there.
MOST_NESTED = 8
# By how much the clock of who made the plan may be ahead.
CLOCK_TOLERANCE = datetime.timedelta(minutes=5)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "timestamp", "float"))
_NULL = "tag:yaml.org,2002:null"

Fields = dict[str, yaml.Node]


def read(path: pathlib.Path) -> Plan:
    """The plan in a file.

    :raises CollectionError: it cannot be read, or is no plan; the message names the line.
    """
    try:
        content = ordinary_files.read(path, MOST_BYTES + 1)
    except OSError as exc:
        raise CollectionError(
            f"The plan {path} could not be read: {exc.strerror or exc}. Nothing was changed.",
            next_step="Name a plan that an audit wrote (retire-plan.yml, beside the report) in retire_plan.",
            reason="plan_unreadable",
        ) from exc
    if len(content) > MOST_BYTES:
        raise _refusal(path, 0, "it is larger than any plan")
    return _Reader(path).plan(content)


def made_at(path: pathlib.Path) -> datetime.datetime:
    """When the plan in a file was made, whatever else is in it.

    :raises CollectionError: it does not say.
    """
    for line in ordinary_files.read(path).decode().splitlines():
        name, _colon, value = line.partition(":")
        moment = times.parse_time(value.strip(" '\"")) if name == "made_at" else None
        if moment:
            return moment
    raise _refusal(path, 0, "made_at is missing")


def check_age(plan: Plan, path: pathlib.Path, now: datetime.datetime) -> None:
    """Make sure that the plan is of these days.

    :raises CollectionError: it is older than C(MOST_DAYS) days, or made in the future.
    """
    if plan.made_at > now + CLOCK_TOLERANCE:
        raise _refusal(path, 0, f"it says that it was made on {times.timestamp(plan.made_at)}, which is in the future")
    if now - plan.made_at > datetime.timedelta(days=MOST_DAYS):
        raise CollectionError(
            f"The plan {path} was made on {plan.made_at:%Y-%m-%d}, more than {MOST_DAYS} days ago. "
            "Nothing was changed.",
            next_step="Run the audit again and have its new plan approved.",
            reason="plan_too_old",
        )


def _refusal(path: pathlib.Path, line: int, problem: str) -> CollectionError:
    where = f"{path}, line {line}" if line else str(path)
    return CollectionError(
        f"This plan cannot be followed: {where}: {problem}. Nothing was changed.",
        next_step="Correct it, or run the audit again and take its new plan.",
        reason="plan_invalid",
    )


class _Reader:
    """Makes a plan of one file's YAML."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._key_lines: dict[str, int] = {}
        self._lab_lines: dict[str, int] = {}

    def plan(self, content: bytes) -> Plan:
        """The plan that the file holds."""
        try:
            self._check_shape(content)
            root = yaml.compose(content, Loader=_LOADER)
        except yaml.MarkedYAMLError as exc:
            line = exc.problem_mark.line + 1 if exc.problem_mark else 0
            raise _refusal(self._path, line, f"it is not YAML ({exc.problem})") from exc
        except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as exc:
            raise _refusal(self._path, 0, "it is not the YAML of a plan") from exc
        fields = self._fields(root, required=("schema", "made_at", "accounts"))
        if self._text(fields["schema"]) != str(SCHEMA):
            raise self._error_at(
                fields["schema"], f"schema is not {SCHEMA}: another version of the collection wrote it"
            )
        accounts = tuple(self._account(node) for node in self._list(fields["accounts"]))
        if not any(account.keys for account in accounts):
            raise self._error_at(fields["accounts"], "it contains no key for which anything is to be done")
        return Plan(self._moment(fields["made_at"]), accounts)

    def _check_shape(self, content: bytes) -> None:
        """Refuse what only an attacker nests or repeats, before the parser recurses into it."""
        depth = 0
        for event in yaml.parse(content, Loader=_LOADER):
            line = _line_number(event)
            if isinstance(event, yaml.AliasEvent):
                raise _refusal(self._path, line, "a plan has no aliases")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MOST_NESTED:
                raise _refusal(self._path, line, "plans are not nested so deep")

    def _account(self, node: yaml.Node) -> PlannedAccount:
        fields = self._fields(
            node, required=("account_id", "lab", "keys"), optional=("looked_at", "caller_arn", "undecided")
        )
        account_id, lab = self._text(fields["account_id"]), self._text(fields["lab"])
        if not ACCOUNT_ID.fullmatch(account_id):
            raise self._error_at(fields["account_id"], f"{account_id!r} is not an account id, which has 12 digits")
        if not lab:
            raise self._error_at(fields["lab"], "lab is empty")
        self._refuse_repeated(self._lab_lines, lab, fields["lab"], "lab")
        undecided = self._list(fields["undecided"]) if "undecided" in fields else []
        return PlannedAccount(
            account_id,
            lab,
            tuple(self._key(each, account_id) for each in self._list(fields["keys"])),
            tuple(self._undecided(each) for each in undecided),
            self._optional(fields, "looked_at"),
            self._optional(fields, "caller_arn"),
            _line_number(node),
        )

    def _key(self, node: yaml.Node, account_id: str) -> PlannedKey:
        fields = self._fields(
            node,
            required=("access_key_id", "user_arn", "last_used", "do"),
            optional=("status", "last_used_service", "why"),
        )
        key_id, arn = self._text(fields["access_key_id"]), self._text(fields["user_arn"])
        if not KEY_ID.fullmatch(key_id):
            raise self._error_at(fields["access_key_id"], f"{key_id!r} is not the id of a user's access key")
        self._refuse_repeated(self._key_lines, key_id, fields["access_key_id"], "key")
        user = USER_ARN.fullmatch(arn)
        if user is None:
            raise self._error_at(fields["user_arn"], f"{arn!r} is not the ARN of an IAM user")
        if user.group("account_id") != account_id:
            raise self._error_at(fields["user_arn"], f"the user {arn} is not in account {account_id}")
        do = self._text(fields["do"])
        if do not in tuple(Doing):
            raise self._error_at(fields["do"], f"do is {do!r}, and may be {' or '.join(Doing)}")
        last_used = self._text_or_blank(fields["last_used"])
        return PlannedKey(
            access_key_id=key_id,
            user_arn=arn,
            status=self._optional(fields, "status"),
            last_used=times.timestamp(self._moment(fields["last_used"])) if last_used else "",
            last_used_service=self._optional(fields, "last_used_service"),
            do=do,
            why=self._optional(fields, "why"),
        )

    def _undecided(self, node: yaml.Node) -> UndecidedKey:
        fields = self._fields(node, required=(), optional=("access_key_id", "user_arn", "why"))
        key_id, user_arn, why = (self._optional(fields, name) for name in ("access_key_id", "user_arn", "why"))
        return UndecidedKey(access_key_id=key_id, user_arn=user_arn, why=why)

    def _fields(self, node: yaml.Node | None, *, required: t.Sequence[str], optional: t.Sequence[str] = ()) -> Fields:
        if node is None or not isinstance(node, yaml.MappingNode):
            raise self._error_at(node, f"there should be fields here ({', '.join((*required, *optional))})")
        known = (*required, *optional)
        fields: Fields = {}
        for name_node, value in node.value:
            name = self._text(name_node)
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = f": is it {near[0]}?" if near else ""
                raise self._error_at(name_node, f"{name!r} is not a field of a plan{meant}")
            if name in fields:
                raise self._error_at(name_node, f"{name} is there twice")
            fields[name] = value
        missing = [name for name in required if name not in fields]
        if missing:
            raise self._error_at(node, f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        return fields

    def _list(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if self._is_null(node):  # all its entries were taken out
            return []
        raise self._error_at(node, "there should be a list here")

    def _text(self, node: yaml.Node) -> str:
        """A value as it was written, so that an account's leading zeros stay without quotes, too."""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS:
            raise self._error_at(node, "there should be a text here")
        return str(node.value)

    def _text_or_blank(self, node: yaml.Node) -> str:
        return "" if self._is_null(node) else self._text(node)

    def _optional(self, fields: Fields, name: str) -> str:
        return self._text_or_blank(fields[name]) if name in fields else ""

    def _moment(self, node: yaml.Node) -> datetime.datetime:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        moment = times.parse_time(text)
        if moment is None:
            raise self._error_at(node, f"{text!r} is not a time, such as 2026-11-24T10:40:00Z")
        return moment

    def _refuse_repeated(self, seen: dict[str, int], name: str, node: yaml.Node, kind: str) -> None:
        if name in seen:
            raise self._error_at(node, f"{kind} {name} is in the plan twice, on line {seen[name]} before")
        seen[name] = _line_number(node)

    @staticmethod
    def _is_null(node: yaml.Node) -> bool:
        return isinstance(node, yaml.ScalarNode) and node.tag == _NULL

    def _error_at(self, node: yaml.Node | None, problem: str) -> CollectionError:
        return _refusal(self._path, _line_number(node) if node else 1, problem)


def _line_number(part: yaml.Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 0
