# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes from an authenticator (TOTP, RFC 6238), from its secret.

The algorithm is ten lines of standard library; libraries for it refuse the 80-bit secrets that most sites hand out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
import typing as t
import urllib.parse

from ..errors import SettingsError

_STEP_SECONDS = 30
_ALGORITHMS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


class Authenticator:
    """Gives the current code, and once the neighbouring step's."""

    def __init__(self, secret: str, clock: t.Callable[[], float] = time.time) -> None:
        """Take the secret as people store it: base32 with any spacing, or the whole otpauth:// address.

        :raises SettingsError: if it is neither.
        """
        self._clock = clock
        # Steps of 30 seconds, six digits and SHA-1 are what authenticators assume unless the address says otherwise.
        self.seconds, self._digits, self._algorithm = _STEP_SECONDS, 6, "SHA1"
        try:
            if secret.strip().lower().startswith("otpauth://"):
                parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(secret.strip()).query))
                secret = parameters["secret"]
                self.seconds = int(parameters.get("period", _STEP_SECONDS))
                self._digits = int(parameters.get("digits", 6))
                self._algorithm = parameters.get("algorithm", "SHA1").upper()
            text = "".join(secret.split()).replace("-", "").rstrip("=").upper()
            self._key = base64.b32decode(text + "=" * (-len(text) % 8))
            if not self._key or self._algorithm not in _ALGORITHMS or self.seconds < 1 or not 6 <= self._digits <= 10:
                raise ValueError
        except (KeyError, ValueError, binascii.Error):
            raise SettingsError(
                "totp_secret is not a TOTP secret.",
                next_step="Use the base32 text (letters A to Z, digits 2 to 7) that was shown when two-factor "
                "sign-in was set up, or its otpauth:// address.",
            ) from None

    def step(self) -> int:
        """The number of the present step."""
        return int(self._clock() // self.seconds)

    def code(self, step: int) -> str:
        """The code of a step (RFC 4226, section 5.3, with the step as the counter)."""
        digest = hmac.digest(self._key, step.to_bytes(8, "big"), _ALGORITHMS[self._algorithm])
        offset = digest[-1] & 0x0F
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
        return str(number % 10**self._digits).zfill(self._digits)

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
