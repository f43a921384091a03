# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which principals of an account may call MTurk, and how, from what C(GetAccountAuthorizationDetails) tells.

An organization's service control policies are not visible from inside an account. They only ever take rights away, so
a right that is found here is the most that there can be.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from . import policy
from .shapes import Principal, PrincipalKey, PrincipalKind, Right

# IAM User Guide, "AWS managed policies": what AWS attaches to a user whose key it found in public.
QUARANTINE_PREFIX = "AWSCompromisedKeyQuarantine"

# MTurk Getting Started Guide: it takes the keys of users and of root.
NO_ROLES = "MTurk takes no temporary credentials, so nobody can call it as a role"

Details = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class _Source:
    """A policy that a principal has, and how it is called in sentences."""

    name: str
    judgement: policy.Judgement


def judge_principals(
    users: t.Iterable[Details] = (),
    groups: t.Sequence[Details] = (),
    roles: t.Iterable[Details] = (),
    policies: t.Iterable[Details] = (),
) -> list[Principal]:
    """All users, groups and roles with their rights, and without their keys.

    The lists are those of C(GetAccountAuthorizationDetails), all pages together. A policy or a group that is missing,
    as when not all pages could be read, makes rights doubtful.
    """
    account = _Account(groups, policies)
    return [
        *(account.principal(user, PrincipalKind.USER) for user in users),
        *(account.principal(group, PrincipalKind.GROUP) for group in groups),
        *(account.principal(role, PrincipalKind.ROLE) for role in roles),
    ]


def root_principal(arn: str, keys: list[PrincipalKey]) -> Principal:
    """The account's root user, whom no policy of the account limits."""
    how = ["root may do everything in its account"]
    return _principal(arn, PrincipalKind.ROOT, "root", right=Right.YES, how=how, administrator=True, keys=keys)


def unjudged_user(arn: str, name: str) -> Principal:
    """A user of whom nobody could read the policies."""
    return _principal(arn, PrincipalKind.USER, name, right=Right.UNKNOWN, how=["its policies could not be read"])


def _principal(
    arn: str,
    kind: PrincipalKind,
    name: str,
    *,
    right: Right,
    how: list[str],
    administrator: bool = False,
    read_only: bool = False,
    quarantined: bool = False,
    tags: dict[str, str] | None = None,
    keys: list[PrincipalKey] | None = None,
) -> Principal:
    path = arn.partition(f":{kind}")[2].rpartition("/")[0]
    return {
        "arn": arn,
        "kind": kind.value,
        "name": name,
        "path": f"{path}/",
        "mturk_right": right.value,
        "how": how,
        "administrator": administrator,
        "read_only": read_only,
        "quarantined": quarantined,
        "tags": tags or {},
        "keys": keys or [],
    }


class _Account:
    """Judges each policy that several principals have once."""

    def __init__(self, groups: t.Iterable[Details], policies: t.Iterable[Details]) -> None:
        self._groups = {group["GroupName"]: group for group in groups}
        self._policies = {found["Arn"]: found for found in policies}
        self._managed = functools.cache(self._judge_managed)
        self._group_sources = functools.cache(self._judge_group)

    def _judge_managed(self, arn: str) -> policy.Judgement:
        found = self._policies.get(arn, {})
        default = [
            version
            for version in found.get("PolicyVersionList", ())
            if version.get("IsDefaultVersion") or version.get("VersionId") == found.get("DefaultVersionId")
        ]
        return policy.judge(default[0].get("Document")) if default else policy.UNJUDGED

    def _sources(self, entity: Details, inline: str, prefix: str = "") -> list[_Source]:
        managed = [
            _Source(f"{prefix}managed policy {attached['PolicyName']}", self._managed(attached["PolicyArn"]))
            for attached in entity.get("AttachedManagedPolicies", ())
        ]
        own = [
            _Source(f"{prefix}inline policy {found['PolicyName']}", policy.judge(found.get("PolicyDocument")))
            for found in entity.get(inline, ())
        ]
        return managed + own

    def _judge_group(self, name: str) -> list[_Source]:
        if name not in self._groups:
            return [_Source(f"group {name}, which could not be read", policy.UNJUDGED)]
        return self._sources(self._groups[name], "GroupPolicyList", f"group {name}: ")

    def principal(self, entity: Details, kind: PrincipalKind) -> Principal:
        """One user, group or role."""
        sources = self._sources(entity, f"{kind.capitalize()}PolicyList")
        groups = entity.get("GroupList", ()) if kind is PrincipalKind.USER else ()
        for group in groups:
            sources += self._group_sources(group)
        boundary = entity.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
        limit = _Source(f"permissions boundary {boundary}", self._managed(boundary)) if boundary else None
        verdict = _Verdict(sources, limit)
        attached = [
            found["PolicyName"]
            for holder in (entity, *(self._groups.get(group, {}) for group in groups))
            for found in holder.get("AttachedManagedPolicies", ())
            if ":iam::aws:policy/" in found["PolicyArn"]
        ]
        right = verdict.right
        how = verdict.how()
        if kind is PrincipalKind.ROLE and right is not Right.NO:
            how.append(NO_ROLES)
        return _principal(
            entity["Arn"],
            kind,
            entity[f"{kind.capitalize()}Name"],
            right=right,
            how=how,
            administrator=verdict.certain >= policy.ADMINISTRATORS_ACTIONS,
            read_only=bool(verdict.possible) and verdict.possible <= policy.MTURK_READS,
            quarantined=any(name.startswith(QUARANTINE_PREFIX) for name in attached),
            tags={tag["Key"]: tag["Value"] for tag in entity.get("Tags", ())},
        )


class _Verdict:
    """What a principal's policies come to, as IAM evaluates them: a denial wins, and a boundary has to allow it."""

    def __init__(self, sources: t.Sequence[_Source], boundary: _Source | None) -> None:
        self._sources = sources
        self._boundary = boundary
        together = functools.reduce(lambda one, two: one | two.judgement, sources, policy.Judgement())
        self._granted = (together.certain | together.doubtful) & policy.MTURK_ACTIONS
        self.certain, doubtful = together.certain, together.doubtful
        if boundary:
            limit = boundary.judgement
            all_possible = (self.certain | doubtful) & (limit.certain | limit.doubtful)
            self.certain &= limit.certain
            doubtful = all_possible - self.certain
        self.possible = (self.certain | doubtful) & policy.MTURK_ACTIONS

    @property
    def right(self) -> Right:
        """Whether MTurk may be called."""
        if self.certain & policy.MTURK_ACTIONS:
            return Right.YES
        return Right.UNKNOWN if self.possible else Right.NO

    def how(self) -> list[str]:
        """Where the right is from, then what limits it or puts it in doubt."""
        found = []
        for source in self._sources:
            said = source.judgement
            if said.allowed & policy.MTURK_ACTIONS:
                found.append(source.name)
            elif said.perhaps_allowed & policy.MTURK_ACTIONS:
                found.append(f"{source.name}, with {_joined_doubts(said.doubts)}")
        if found:
            found += [text for source in self._sources for text in _denials(source)]
        if self._boundary and self._granted:
            if self.possible == self._granted and self._boundary.judgement.doubts:
                found.append(f"{self._boundary.name}, with {_joined_doubts(self._boundary.judgement.doubts)}")
            elif self.possible != self._granted:
                found.append(f"{self._boundary.name} does not allow {'all of it' if self.possible else 'it'}")
        return found


def _denials(source: _Source) -> list[str]:
    said = source.judgement
    denied = said.denied & policy.MTURK_ACTIONS
    if denied:
        return [f"{source.name} denies {'it' if denied == policy.MTURK_ACTIONS else 'a part of it'}"]
    if said.perhaps_denied & policy.MTURK_ACTIONS:
        return [f"{source.name} may deny it, with {_joined_doubts(said.doubts)}"]
    return []


def _joined_doubts(doubts: t.Iterable[str]) -> str:
    return " and ".join(sorted(doubts))
