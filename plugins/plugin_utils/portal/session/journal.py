# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be remembered between runs so that no professor gets locked out: refused credentials, and the pace.

One small JSON file an account in C(state_dir), mode 0600, named by a hash of portal and e-mail address. It holds no
secret: refused credentials are kept as a salted scrypt hash, good for recognising them and for nothing else.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import time
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import locks
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    PortalAccount,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    LOGIN_FAILED,
    SECOND_FACTOR_FAILED,
    PortalError,
    SettingsError,
)

# Different wrong passwords in a row before the module stops by itself. Sites usually lock an account after five.
WRONG_PASSWORDS = 3
WRONG_PASSWORDS_SECONDS = 3600
# A refused code can be the clock's fault, which gets repaired without any change here.
SECOND_FACTOR_SECONDS = 900
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


class Journal:
    """The memory of one account at one portal."""

    def __init__(
        self, settings: PortalSettings, account: PortalAccount, clock: t.Callable[[], float] = time.time
    ) -> None:
        """Find the place; nothing is read or written yet."""
        self._settings = settings
        self._account = account
        self._clock = clock
        site = settings.trust.site
        name = hashlib.sha256(f"{site}\n{account.email.strip().lower()}".encode()).hexdigest()[:32]
        self.path = settings.state_dir / f"account-{name}.json"
        self._pace_path = settings.state_dir / f"pace-{hashlib.sha256(site.encode()).hexdigest()[:16]}.json"
        self._file: t.IO[str] | None = None
        self._state: dict[str, t.Any] = {}

    @contextlib.contextmanager
    def held(self, deadline: Deadline) -> t.Iterator[None]:
        """Keep other processes from signing in to the same account meanwhile, so that none repeats a mistake."""
        with self._locked(self.path, deadline) as file:
            self._file = file
            self._state = _load(file)
            try:
                yield
            finally:
                self._file = None

    @contextlib.contextmanager
    def _locked(self, path: pathlib.Path, deadline: Deadline) -> t.Iterator[t.IO[str]]:
        def pause() -> None:
            deadline.sleep(0.05, "waiting for another run that uses the same account")

        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(locks.exclusive(str(path), pause))
            except OSError as exc:
                raise SettingsError(
                    f"state_dir {path.parent} cannot be used: {exc.strerror}. Nothing was sent to the portal.",
                    next_step="Name a directory that you can write to (option state_dir); it keeps the module from "
                    "trying a refused password twice.",
                ) from None
            yield file

    def check(self) -> None:
        """Fail if these very credentials were refused before, or if one more mistake could lock the account."""
        refused = self._state.get("refused")
        if isinstance(refused, dict):
            at = str(refused.get("at", ""))
            reason = str(refused.get("reason", LOGIN_FAILED))
            old = self._clock() - float(refused.get("time", 0)) > SECOND_FACTOR_SECONDS
            if not (reason == SECOND_FACTOR_FAILED and old) and self._is_same(refused):
                what = "code" if reason == SECOND_FACTOR_FAILED else "password"
                raise PortalError(
                    reason,
                    f"The portal refused this {what} for {self._account.email} on {at}, and it has not changed since. "
                    "It was not tried again, because repeated mistakes lock the account.",
                    next_step=f"Correct the {'TOTP secret' if what == 'code' else 'password'} where you keep "
                    "it. If it is "
                    f"right by now because it was changed at the portal, remove {self.path} and run again.",
                    details={"tried": False},
                )
        recent = [moment for moment in self._state.get("wrong", []) if self._clock() - moment < WRONG_PASSWORDS_SECONDS]
        left = self._state.get("attempts_left")
        fresh = bool(recent)
        if len(recent) >= WRONG_PASSWORDS or (fresh and isinstance(left, int) and left <= 1):
            said = (
                f"the portal says that {left} attempt is left"
                if isinstance(left, int) and left <= 1
                else (f"{len(recent)} different passwords were refused within the last hour")
            )
            raise PortalError(
                LOGIN_FAILED,
                f"Signing in as {self._account.email} was not tried: {said}, and one more mistake could lock "
                "the account.",
                next_step="Sign in by hand once to make sure of the password, then "
                f"remove {self.path} and run again; or wait an hour.",
                details={"tried": False},
            )

    def refused(self, reason: str, attempts_left: int | None = None) -> None:
        """Remember that these credentials were refused."""
        salt = os.urandom(16)
        now = self._clock()
        self._state["refused"] = {
            "reason": reason,
            "at": datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "time": now,
            "salt": salt.hex(),
            "scrypt": self._hash(salt, reason).hex(),
        }
        if reason == LOGIN_FAILED:
            recent = [moment for moment in self._state.get("wrong", []) if now - moment < WRONG_PASSWORDS_SECONDS]
            self._state["wrong"] = [*recent, now]
            self._state["attempts_left"] = attempts_left
        self._save()

    def accepted(self) -> None:
        """Remember that signing in worked."""
        if any(self._state.pop(name, None) is not None for name in ("refused", "wrong", "attempts_left")):
            self._save()

    @property
    def last_code_step(self) -> int:
        """The number of the 30-second step whose code was used last; good sites take each code once (RFC 6238)."""
        step = self._state.get("code_step", 0)
        return step if isinstance(step, int) else 0

    def used_code(self, step: int) -> None:
        """Remember which code was used."""
        self._state["code_step"] = step
        self._save()

    def _hash(self, salt: bytes, reason: str) -> bytes:
        secret = self._account.totp_secret if reason == SECOND_FACTOR_FAILED else self._account.password
        return hashlib.scrypt(secret.encode(), salt=salt, maxmem=64 * 1024 * 1024, **_SCRYPT)

    def _is_same(self, refused: t.Mapping[str, t.Any]) -> bool:
        try:
            salt, kept = bytes.fromhex(refused["salt"]), bytes.fromhex(refused["scrypt"])
        except (KeyError, TypeError, ValueError):
            return False
        return hmac.compare_digest(self._hash(salt, str(refused.get("reason", LOGIN_FAILED))), kept)

    def _save(self) -> None:
        if self._file is not None:
            _store(self._file, self._state)

    # The pace of a fleet

    def take_turn(self, deadline: Deadline) -> None:
        """Wait for this process's turn to sign in; turns are C(pace) seconds apart over all processes."""
        pace = self._settings.pace
        if not pace and not self._pace_path.exists():
            return
        with self._locked(self._pace_path, deadline) as file:
            state = _load(file)
            now = self._clock()
            turn = max(now, _number(state.get("next")), _number(state.get("quiet_until")))
            # A clock that was set back must not stop a fleet.
            turn = turn if turn - now < 3600 else now
            state["next"] = turn + pace
            _store(file, state)
        if turn > now:
            time.sleep(turn - now)

    def slow_down(self, seconds: float) -> None:
        """The portal asked to be left alone for a while (Retry-After): no process signs in before that."""
        with self._locked(self._pace_path, Deadline(5)) as file:
            state = _load(file)
            state["quiet_until"] = max(_number(state.get("quiet_until")), self._clock() + min(seconds, 600))
            _store(file, state)


def _number(value: t.Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _load(file: t.IO[str]) -> dict[str, t.Any]:
    file.seek(0)
    try:
        state = json.load(file)
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def _store(file: t.IO[str], state: t.Mapping[str, t.Any]) -> None:
    file.seek(0)
    file.truncate()
    json.dump(state, file)
    file.flush()
