# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes from an authenticator (TOTP, RFC 6238), from its secret."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.labops.cloudresearch.plugins.module_utils.portal.errors import SettingsError

try:
    import pyotp

    HAS_PYOTP = True
except ImportError:
    HAS_PYOTP = False

_STEP_SECONDS = 30


class Authenticator:
    """Gives the current code, and once the neighbouring step's."""

    def __init__(self, secret: str, clock: t.Callable[[], float] = time.time) -> None:
        """Take the secret as people store it: base32 with any spacing, or the whole otpauth:// address.

        :raises SettingsError: if it is neither.
        """
        try:
            if secret.strip().lower().startswith("otpauth://"):
                self._totp = t.cast("pyotp.TOTP", pyotp.parse_uri(secret.strip()))
            else:
                self._totp = pyotp.TOTP("".join(secret.split()).replace("-", "").upper())
            self._totp.at(0)
        except Exception:
            # The library's messages can quote the secret.
            raise SettingsError(
                "totp_secret is not a TOTP secret.",
                next_step="Use the base32 text (letters A to Z, digits 2 to 7) that was shown when two-factor sign-in was "
                "set up, or its otpauth:// address.",
            ) from None
        self._clock = clock

    @property
    def seconds(self) -> int:
        """The length of a step."""
        return int(getattr(self._totp, "interval", _STEP_SECONDS))

    def step(self) -> int:
        """The number of the present step."""
        return int(self._clock() // self.seconds)

    def code(self, step: int) -> str:
        """The code of a step."""
        return self._totp.at(step * self.seconds)

    def until_next(self) -> float:
        """Seconds until the next step begins."""
        return self.seconds - self._clock() % self.seconds

    def first_step(self, last_used: int) -> int:
        """The step whose code to try first; never one whose code was used already."""
        return max(self.step(), last_used + 1)

    def neighbour(self, refused: int, clock_difference: float | None) -> int:
        """The step to try after a refusal.

        :param refused: the step that was refused.
        :param clock_difference: the portal's clock minus ours in seconds, if known.
        """
        now = self.step()
        if now != refused:
            # Time has gone on, or a code was tried ahead of its time and is due soon.
            return max(now, refused)
        if clock_difference:
            there = int((self._clock() + clock_difference) // self.seconds)
            if there != refused:
                return refused + (1 if there > refused else -1)
        # A clock that is a little off disagrees about the nearer end of the step.
        return refused + (-1 if self._clock() % self.seconds < self.seconds / 2 else 1)
