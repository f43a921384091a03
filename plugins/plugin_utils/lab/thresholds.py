# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From when on something is a finding."""

from __future__ import annotations

import dataclasses
import decimal
import typing as t

from ..base import vocabulary
from ..base.errors import invalid_options


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """From when on something is a finding.

    :param key_unused_days: a live key without use for this many days; 0 switches the finding off.
    :param key_old_days: a live key of this age in days; 0 switches the finding off.
    :param minimum_balance: US dollars in production, below which the balance is low; None switches the finding off.
    :param allowed_policy_arns: the managed policies that a lab's user may have.
    """

    key_unused_days: int = 90
    key_old_days: int = 365
    minimum_balance: decimal.Decimal | None = decimal.Decimal("10.00")
    allowed_policy_arns: tuple[str, ...] = (vocabulary.MTURK_POLICY_ARN,)

    @classmethod
    def from_mapping(cls, values: t.Mapping[str, t.Any] | None) -> Thresholds:
        """Thresholds as a user types them; what is left out keeps its default.

        :raises CollectionError: a name is not known, or a value is not of its kind.
        """
        given = dict(values or {})
        known = {field.name for field in dataclasses.fields(cls)}
        strangers = sorted(str(name) for name in given if name not in known)
        if strangers:
            told = f"Unknown thresholds for findings: {', '.join(strangers)}."
            raise invalid_options(told, f"Use only {', '.join(sorted(known))}.")
        try:
            for name in ("key_unused_days", "key_old_days"):
                if name in given:
                    given[name] = int(given[name])
                    if given[name] < 0:
                        raise ValueError(name)
            if given.get("minimum_balance") not in (None, ""):
                given["minimum_balance"] = decimal.Decimal(str(given["minimum_balance"]))
                if not given["minimum_balance"].is_finite():
                    raise ValueError("minimum_balance")
            elif "minimum_balance" in given:
                given["minimum_balance"] = None
            if "allowed_policy_arns" in given:
                given["allowed_policy_arns"] = tuple(str(arn) for arn in given["allowed_policy_arns"])
        except (TypeError, ValueError, decimal.InvalidOperation) as exc:
            raise invalid_options(
                "A threshold for findings is not a number of the right kind.",
                "Days are whole numbers from 0 on, minimum_balance is an amount in US dollars.",
            ) from exc
        return cls(**given)

    def as_mapping(self) -> dict[str, t.Any]:
        """What L(from_mapping) reads, as plain data."""
        values = dataclasses.asdict(self)
        minimum = values["minimum_balance"]
        return {
            **values,
            "minimum_balance": None if minimum is None else str(minimum),
            "allowed_policy_arns": list(self.allowed_policy_arns),
        }
