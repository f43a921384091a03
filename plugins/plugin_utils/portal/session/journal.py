# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be remembered between runs so that no professor gets locked out: spent credentials, and the pace.

A password is spent as soon as it is sent, and stays so unless a page comes back that is recognisably signed in. One
small JSON file an account in C(state_dir), mode 0600, named by a hash of portal and e-mail address. It holds no secret:
of spent credentials it keeps two bytes of a salted hash, good for telling whether they have changed.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import os
import pathlib
import time
import typing as t

from ..drivers.base import Deadline
from ..drivers.settings import PortalAccount, PortalSettings
from ..errors import AnswerLost, PortalError, Reason
from . import state_files

# Different wrong passwords in a row before the module stops by itself. Sites usually lock an account after five.
WRONG_PASSWORDS = 3
WRONG_PASSWORDS_SECONDS = 3600
# A refused code can be the clock's fault, which gets repaired without any change here.
SECOND_FACTOR_SECONDS = 900


class Journal:
    """The memory of one account at one portal."""

    def __init__(
        self, settings: PortalSettings, account: PortalAccount, clock: t.Callable[[], float] = time.time
    ) -> None:
        """Find the place; nothing is read or written yet."""
        self.settings = settings
        self.account = account
        self._clock = clock
        site = settings.trust.site
        name = hashlib.sha256(f"{site}\n{account.email.strip().lower()}".encode()).hexdigest()[:32]
        self.path = settings.state_dir / f"account-{name}.json"
        self._pace_path = settings.state_dir / f"pace-{hashlib.sha256(site.encode()).hexdigest()[:16]}.json"
        self._file: t.IO[str] | None = None
        self._state: dict[str, t.Any] = {}
        self._before: dict[str, t.Any] = {}
        # Whether this run sent the password, and nothing is known of it yet.
        self.password_sent = False
        # Whether the run before this one was killed between sending and an answer, or got none.
        self._once_more = False

    @contextlib.contextmanager
    def held(self, deadline: Deadline) -> t.Iterator[None]:
        """Keep other processes from signing in to the same account meanwhile, so that none repeats a mistake."""
        with self._locked(self.path, deadline) as file:
            self._file = file
            self._state = state_files.load(file)
            try:
                yield
                self._end_of_sending()
            except AnswerLost:
                # As little is known of the password as if the run had been killed.
                raise
            except Exception:
                self._end_of_sending()
                raise
            finally:
                self._file = None

    def _locked(self, path: pathlib.Path, deadline: Deadline) -> contextlib.AbstractContextManager[t.IO[str]]:
        return state_files.locked(
            path, lambda: deadline.sleep(0.05, "waiting for another run that uses the same account")
        )

    def check(self) -> None:
        """Fail if these very credentials are spent, or if one more mistake could lock the account."""
        spent = self._state.get("spent")
        if isinstance(spent, dict):
            reason = str(spent.get("reason", Reason.LOGIN_FAILED))
            old = self._clock() - state_files.number_or_zero(spent.get("time")) > SECOND_FACTOR_SECONDS
            same = not (reason == Reason.SECOND_FACTOR_FAILED and old) and self._is_same(spent)
            person = str(spent.get("person", ""))
            self._once_more = same and (
                spent.get("cut_short") == 1 or (bool(person) and self.settings.window_for_person)
            )
            if same and not self._once_more:
                raise self._spent_error(
                    person or reason, str(spent.get("at", "")), refused=spent.get("refused") is True
                )
        recent = self._recent_mistakes()
        left = self._state.get("attempts_left")
        last_one = bool(recent) and isinstance(left, int) and left <= 1
        if len(recent) >= WRONG_PASSWORDS or last_one:
            said = f"{len(recent)} different passwords were refused within the last hour"
            if last_one:
                said = f"the portal says that only {left} attempt is left"
            raise PortalError(
                Reason.LOGIN_FAILED,
                f"Signing in as {self.account.email} was not tried: {said}, and one more mistake could lock the "
                "account.",
                next_step=f"Sign in by hand once to check the password, then remove {self.path} and run again; "
                "or wait an hour.",
                details={"tried": False},
            )

    def _spent_error(self, reason: str, at: str, *, refused: bool) -> PortalError:
        what, kept = ("code", "TOTP secret") if reason == Reason.SECOND_FACTOR_FAILED else ("password", "password")
        email = self.account.email
        if refused:
            told = f"The portal refused this {what} for {email} on {at}, and it has not changed since."
            right = "If it is right by now because it was changed at the portal"
        else:
            told = (
                f"This {what} was sent for {email} on {at}, no page came back that was recognisably signed in, and it "
                "has not changed since."
            )
            right = "If it is right, as signing in by hand shows"
        return PortalError(
            next((known for known in Reason if known == reason), Reason.LOGIN_FAILED),
            f"{told} It was not tried again, because repeated mistakes lock the account.",
            next_step=f"Correct the {kept} where you keep it. {right}, remove {self.path} and run again.",
            details={"tried": False},
        )

    def _recent_mistakes(self) -> list[float]:
        noted = self._state.get("wrong")
        moments = map(state_files.number_or_zero, noted if isinstance(noted, list) else [])
        return [moment for moment in moments if self._clock() - moment < WRONG_PASSWORDS_SECONDS]

    def sending_password(self) -> None:
        """Count the password as spent before it is sent, so that a later run does not send it again.

        A run that is killed before an answer came, or that got none, leaves it to the next one to send it once more,
        and no further.
        C(accepted) takes that back when a page is recognisably signed in.
        """
        if not self.password_sent:
            self._before = dict(self._state)
            self._state["wrong"] = [*self._recent_mistakes(), self._clock()]
            self.password_sent = True
        self._note_spent(Reason.LOGIN_FAILED, refused=False)
        # A run that is killed now has seen no answer at all, so the next one may ask for it, once.
        self._state["spent"]["cut_short"] = 2 if self._once_more else 1
        self._save()

    def _end_of_sending(self) -> None:
        """A run that comes to its own end was not cut short: what it sent and heard nothing good of is spent."""
        spent = self._state.get("spent")
        if isinstance(spent, dict) and spent.pop("cut_short", None) is not None:
            self._save()

    def person_wanted(self, reason: str) -> None:
        """Remember that a person has to pass what came after the password, which is then sent again in a window only.

        That is done once where nothing is known of the password; who asks for a second factor has taken it.
        """
        spent = self._state.get("spent")
        taken = reason == Reason.SECOND_FACTOR_REQUIRED
        if isinstance(spent, dict) and (taken or not self._once_more):
            spent["person"] = reason
            if taken:
                self._state["wrong"] = self._before.get("wrong", [])
            self._save()

    def advice(self, *, answer_lost: bool = False) -> str:
        """What to say if nothing became known of the password."""
        if answer_lost and not self._once_more:
            return "The password is sent once more by the next run, because no answer to it came."
        unless = ", unless a person is there to pass what comes after it" if self._state["spent"].get("person") else ""
        return (
            "The password counts as spent, because no page came back that was recognisably signed in: it is not sent "
            f"again until it changes{unless}. If it is right, remove {self.path} before you run again."
        )

    def not_processed(self) -> None:
        """Take C(sending_password) back: the portal said that it did not look at the password."""
        if self.password_sent:
            self._state, self.password_sent = dict(self._before), False
            self._save()

    def refused(self, reason: str, attempts_left: int | None = None) -> None:
        """Remember that these credentials were refused."""
        if reason == Reason.LOGIN_FAILED:
            if not self.password_sent:
                self._state["wrong"] = [*self._recent_mistakes(), self._clock()]
            self._state["attempts_left"] = attempts_left
            self.password_sent = False
        self._note_spent(reason, refused=True)

    def accepted(self) -> None:
        """Remember that signing in worked."""
        self.password_sent = False
        if any(self._state.pop(name, None) is not None for name in ("spent", "wrong", "attempts_left")):
            self._save()

    def _note_spent(self, reason: str, *, refused: bool) -> None:
        salt, now = os.urandom(16), self._clock()
        self._state["spent"] = {
            "reason": reason,
            "refused": refused,
            "at": datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "time": now,
            "salt": salt.hex(),
            "check": self._check_value(salt, reason, refused=refused),
        }
        self._save()

    @property
    def last_code_step(self) -> int:
        """The number of the 30-second step whose code was used last; good sites take each code once (RFC 6238)."""
        step = self._state.get("code_step", 0)
        return step if isinstance(step, int) else 0

    def used_code(self, step: int) -> None:
        """Remember which code was used; as long as nothing better is known of it, it counts as spent."""
        self._state["code_step"] = step
        if self.password_sent:
            self._save()
        else:
            self._note_spent(Reason.SECOND_FACTOR_FAILED, refused=False)

    def _check_value(self, salt: bytes, reason: str, *, refused: bool) -> str:
        """Enough of a salted hash to tell whether the credentials have changed.

        Two bytes miss one change in 65,536, and fit one password of a dictionary in so many, so nobody can find out the
        password by them. A whole hash would have to be made slow on purpose, at each sign-in of a fleet.
        """
        account = self.account
        secret = account.totp_secret if reason == Reason.SECOND_FACTOR_FAILED else account.password
        if reason == Reason.LOGIN_FAILED and not refused:
            # What was missing may have been the second factor.
            secret += f"\n{account.totp_secret}"
        return hmac.digest(salt, secret.encode(), "sha256")[:2].hex()

    def _is_same(self, spent: t.Mapping[str, t.Any]) -> bool:
        try:
            salt, kept = bytes.fromhex(spent["salt"]), str(spent["check"])
        except (KeyError, TypeError, ValueError):
            return False
        reason, refused = str(spent.get("reason", Reason.LOGIN_FAILED)), spent.get("refused") is True
        return self._check_value(salt, reason, refused=refused) == kept

    def _save(self) -> None:
        if self._file is not None:
            state_files.store(self._file, self._state)

    # The pace of a fleet

    def take_turn(self, deadline: Deadline) -> None:
        """Wait for this process's turn to sign in; turns are C(pace) seconds apart over all processes."""
        pace = self.settings.pace
        if not pace and not self._pace_path.exists():
            return
        with self._locked(self._pace_path, deadline) as file:
            state = state_files.load(file)
            now = self._clock()
            turn = max(
                now, state_files.number_or_zero(state.get("next")), state_files.number_or_zero(state.get("quiet_until"))
            )
            # A clock that was set back must not stop a fleet.
            turn = turn if turn - now < 3600 else now
            state["next"] = turn + pace
            state_files.store(file, state)
        if turn > now:
            time.sleep(turn - now)

    def slow_down(self, seconds: float) -> None:
        """The portal asked to be left alone for a while (Retry-After): no process signs in before that."""
        with self._locked(self._pace_path, Deadline(5)) as file:
            state = state_files.load(file)
            state["quiet_until"] = max(
                state_files.number_or_zero(state.get("quiet_until")), self._clock() + min(seconds, 600)
            )
            state_files.store(file, state)
