# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM policies: is an action on a resource allowed?

moto evaluates policies without resources, variables and most conditions, so a policy that is too narrow could pass
there. This follows AWS's documented logic: an explicit deny wins, then any allow, else it is denied.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
import typing as t

Document = dict[str, t.Any]
Context = t.Mapping[str, "str | list[str]"]


class PolicyError(ValueError):
    """The document uses something this evaluator does not know; better to say so than to guess."""


@functools.lru_cache(maxsize=4096)
def parse(document: str) -> Document:
    """A policy document from JSON text. :raises PolicyError: not a policy."""
    try:
        parsed = json.loads(document)
    except ValueError as exc:
        raise PolicyError(f"not JSON: {exc}") from exc
    if not isinstance(parsed, dict) or "Statement" not in parsed:
        raise PolicyError("no Statement")
    return parsed


def statements(document: Document) -> list[Document]:
    """The statements of a document, which may be one object or a list of them."""
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def as_list(value: t.Any) -> list[str]:
    """A policy element may be a text or a list of texts."""
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def decide(documents: t.Iterable[Document], action: str, resource: str, context: Context) -> str:
    """V(allow), V(deny) (explicit) or V(none) of identity policies for one call."""
    allowed = False
    for document in documents:
        for statement in statements(document):
            if not _applies(statement, action, resource, context):
                continue
            if statement["Effect"] == "Deny":
                return "deny"
            allowed = True
    return "allow" if allowed else "none"


def trusts(document: Document, action: str, principals: t.Collection[str], context: Context) -> str:
    """V(allow), V(deny) or V(none) of a role's trust policy for a caller known by any of C(principals)."""
    result = "none"
    for statement in statements(document):
        if not _matches_any(as_list(statement.get("Action", [])), action, ignore_case=True):
            continue
        principal = statement.get("Principal", {})
        named = ["*"] if principal == "*" else as_list(principal.get("AWS", []))
        # A bare account id means the same as the root ARN of that account.
        named = [f"arn:aws:iam::{name}:root" if re.fullmatch(r"\d{12}", name) else name for name in named]
        if "*" not in named and not set(named) & set(principals):
            continue
        if not _conditions_hold(statement.get("Condition", {}), context):
            continue
        if statement["Effect"] == "Deny":
            return "deny"
        result = "allow"
    return result


def _applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    if "NotAction" in statement:
        if _matches_any(as_list(statement["NotAction"]), action, ignore_case=True):
            return False
    elif not _matches_any(as_list(statement["Action"]), action, ignore_case=True):
        return False
    if "NotResource" in statement:
        if _matches_any(_filled(statement["NotResource"], context), resource):
            return False
    elif not _matches_any(_filled(statement["Resource"], context), resource):
        return False
    return _conditions_hold(statement.get("Condition", {}), context)


def _filled(value: t.Any, context: Context) -> list[str]:
    """Policy variables such as ${aws:username} replaced; an unknown one never matches."""

    def replace(match: re.Match[str]) -> str:
        known = {name.lower(): entry for name, entry in context.items()}.get(match.group(1).lower())
        return known if isinstance(known, str) else "\0"

    return [re.sub(r"\$\{([^}]+)\}", replace, text) if "${" in text else text for text in as_list(value)]


@functools.lru_cache(maxsize=8192)
def _pattern(text: str, ignore_case: bool) -> re.Pattern[str]:
    escaped = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _matches_any(patterns: t.Iterable[str], value: str, ignore_case: bool = False) -> bool:
    return any(text == "*" or _pattern(text, ignore_case).fullmatch(value) for text in patterns)


def _arn_like(pattern: str, value: str) -> bool:
    ours, theirs = pattern.split(":", 5), value.split(":", 5)
    return len(ours) == len(theirs) and all(
        fnmatch.fnmatchcase(their, our) for our, their in zip(ours, theirs, strict=True)
    )


_OPERATORS: dict[str, t.Callable[[str, str], bool]] = {
    "stringequals": lambda expected, actual: expected == actual,
    "stringequalsignorecase": lambda expected, actual: expected.lower() == actual.lower(),
    "stringlike": lambda expected, actual: bool(_pattern(expected, False).fullmatch(actual)),
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "bool": lambda expected, actual: expected.lower() == actual.lower(),
    "numericequals": lambda expected, actual: float(expected) == float(actual),
    "numericlessthan": lambda expected, actual: float(actual) < float(expected),
    "numericlessthanequals": lambda expected, actual: float(actual) <= float(expected),
    "numericgreaterthan": lambda expected, actual: float(actual) > float(expected),
    "numericgreaterthanequals": lambda expected, actual: float(actual) >= float(expected),
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
}


def _conditions_hold(conditions: t.Mapping[str, t.Mapping[str, t.Any]], context: Context) -> bool:
    known = {name.lower(): value for name, value in context.items()} if conditions else {}
    return all(
        _condition_holds(operator, expected, known.get(key.lower()), context)
        for operator, keys in conditions.items()
        for key, expected in keys.items()
    )


def _condition_holds(operator: str, expected: t.Any, actual: str | list[str] | None, context: Context) -> bool:
    name = operator.lower()
    quantifier, colon, rest = name.partition(":")
    name = rest if colon else name
    quantifier = quantifier if colon else ""
    wanted = _filled(expected, context)
    if name == "null":
        return (actual is None) == (wanted[0].lower() == "true")
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    negated = name in _NEGATED
    test = _OPERATORS.get(_NEGATED.get(name, name))
    if test is None:
        raise PolicyError(f"unknown condition operator {operator}")
    if actual is None:
        # AWS: a missing key fails a positive operator, and satisfies a negated one, IfExists and ForAllValues.
        return negated or if_exists or quantifier == "forallvalues"
    values = actual if isinstance(actual, list) else [actual]
    results = [any(test(text, value) for text in wanted) != negated for value in values]
    return any(results) if quantifier == "foranyvalue" else all(results)


def check_supported(document: Document) -> None:
    """:raises PolicyError: the document has parts that L(decide) cannot judge."""
    for statement in statements(document):
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise PolicyError(f"Effect must be Allow or Deny, not {statement.get('Effect')!r}")
        if not {"Action", "NotAction"} & set(statement) or not {"Resource", "NotResource"} & set(statement):
            raise PolicyError("a statement needs an Action and a Resource")
        for operator, keys in statement.get("Condition", {}).items():
            for expected in keys.values():
                _condition_holds(operator, expected, None, {})
