# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator decides about the portal, and the account to sign in with."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...base.addresses import is_loopback
from ..errors import SettingsError
from ..page.wording import Wording
from .trust import Trust

if t.TYPE_CHECKING:
    from .browser_start import RunningBrowser

DEFAULT_PORTAL_URL = "https://app.cloudresearch.com"
# What the option C(driver) takes: a way to read pages, or that a person works the portal by hand.
DRIVERS = ("auto", "http", "browser")
BY_HAND = "manual"
DRIVER_CHOICES = (*DRIVERS, BY_HAND)
DEFAULT_STATE_DIR = "~/.ansible/labops.cloudresearch"
DEFAULT_TIMEOUT = 90
# Seconds between two sign-ins of a fleet, at a portal that is not on this machine.
DEFAULT_PACE = 0.5
# Options of M(labops.cloudresearch.cloudresearch_link) on how to reach and read the portal; the role hands them on.
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "portal_url": {"type": "str", "default": DEFAULT_PORTAL_URL},
    "trusted_hosts": {"type": "list", "elements": "str", "default": []},
    "driver": {"type": "str", "choices": list(DRIVER_CHOICES), "default": "auto"},
    "portal": {"type": "dict", "default": {}},
    "browser_executable": {"type": "path"},
    "allow_unsandboxed_browser": {"type": "bool", "default": False},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": DEFAULT_TIMEOUT},
    "pace": {"type": "float"},
    "state_dir": {"type": "path", "default": DEFAULT_STATE_DIR},
    "snapshot_dir": {"type": "path"},
    "accept_terms": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 0},
    "wait_interval": {"type": "int", "default": 15},
}

USER_AGENT = "labops.cloudresearch (Ansible collection)"


@dataclasses.dataclass(frozen=True)
class PortalAccount:
    """Who signs in. Line breaks at the end, which files like to add, are no part of a value.

    :param totp_secret: base32, as shown when two-factor sign-in was set up; empty if there is none.
    :param warnings: which values lost such a line break, in sentences for their owner.
    :raises SettingsError: C(email) is no address. Nothing is sent to find that out.
    """

    email: str
    password: str = dataclasses.field(default="", repr=False)
    totp_secret: str = dataclasses.field(default="", repr=False)
    warnings: tuple[str, ...] = dataclasses.field(default=(), init=False, compare=False)

    def __post_init__(self) -> None:
        told = []
        for name in ("email", "password", "totp_secret"):
            value = getattr(self, name)
            kept = value.rstrip("\r\n")
            if kept != value:
                object.__setattr__(self, name, kept)
                told.append(
                    f"The option {name} ended in a line break, which was removed. Remove it where the value is kept."
                )
        object.__setattr__(self, "warnings", tuple(told))
        if self.email.strip() and "@" not in self.email:
            # It is not quoted: who mixed up two values has put the password here.
            raise SettingsError(
                "The option email does not hold an e-mail address.",
                next_step="Correct it (lab_account_cloudresearch_email in the role).",
            )

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(secret for secret in (self.password, self.totp_secret) if secret)


@dataclasses.dataclass(frozen=True)
class PortalSettings:
    """How to reach and read the portal.

    :param timeout: seconds for all that is done at the portal in one call, waiting for one's turn (C(pace)) aside.
    :param pace: seconds between two sign-ins, over all processes that share C(state_dir).
    :param state_dir: where refused credentials (hashed) and the pace are remembered between runs.
    :param snapshot_dir: where to put the pages seen, with everything secret blotted out; empty for nowhere.
    :param allow_unsandboxed_browser: whether a browser may run without its sandbox, as it has to for root.
    :param driver: one of C(DRIVERS).
    :param by_hand: whether a person enters the key; the driver then only looks for evidence.
    :param wait_timeout: for how many seconds to wait for a person: for evidence that the key was entered by hand, or in
        a browser for what only a person can pass.
    :param browser: a running browser to use instead of starting one.
    :param announce: called with texts that the person should see at once.
    :param read_secret: the shell command with which the person sees the key's secret, in a terminal and in no log;
        empty if the key is in no store.
    """

    trust: Trust
    driver: str = "auto"
    by_hand: bool = False
    wording: Wording = dataclasses.field(default_factory=Wording, repr=False)
    browser_executable: str = ""
    allow_unsandboxed_browser: bool = False
    validate_certs: bool = True
    timeout: float = DEFAULT_TIMEOUT
    pace: float = DEFAULT_PACE
    state_dir: pathlib.Path = pathlib.Path(DEFAULT_STATE_DIR)
    snapshot_dir: pathlib.Path | None = None
    accept_terms: bool = True
    wait_timeout: float = 0
    wait_interval: float = 15
    browser: RunningBrowser | None = dataclasses.field(default=None, repr=False)
    announce: t.Callable[[str], None] | None = dataclasses.field(default=None, repr=False)
    read_secret: str = ""

    @property
    def portal_url(self) -> str:
        """Where to begin."""
        return self.trust.portal_url

    @property
    def window_for_person(self) -> bool:
        """Whether a browser is to open a window that a person sees: somebody is waited for, and there is a display."""
        has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        return self.driver == "browser" and not self.by_hand and self.wait_timeout > 0 and has_display

    @classmethod
    def from_params(
        cls,
        params: t.Mapping[str, t.Any],
        *,
        announce: t.Callable[[str], None] | None = None,
        read_secret: str = "",
        browser: RunningBrowser | None = None,
    ) -> PortalSettings:
        """From parameters as C(ARGUMENT_SPEC) has them; others are passed over, and empty ones have their defaults.

        :raises SettingsError: for a value that cannot be right, before anything is sent.
        """
        named = {name: params[name] for name in ARGUMENT_SPEC if params.get(name) not in (None, "")}
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(named)
        if checked.error_messages:
            raise SettingsError(
                f"The options for the portal are wrong: {'; '.join(checked.error_messages)}.",
                next_step="Correct them (see ansible-doc labops.cloudresearch.cloudresearch_link).",
            )
        given = checked.validated_parameters
        trust = Trust.of(given["portal_url"], given["trusted_hosts"])
        if given["timeout"] <= 0:
            raise SettingsError(
                "timeout must be more than 0 seconds.", next_step=f"Leave it out for {DEFAULT_TIMEOUT}."
            )
        pace = given["pace"]
        if pace is not None and pace < 0:
            raise SettingsError("pace must not be negative.", next_step="Use 0 for no pause between sign-ins.")
        as_given = ("allow_unsandboxed_browser", "validate_certs", "timeout", "accept_terms", "wait_timeout")
        return cls(
            trust=trust,
            driver="auto" if given["driver"] == BY_HAND else given["driver"],
            by_hand=given["driver"] == BY_HAND,
            wording=Wording.from_overrides(given["portal"]),
            browser_executable=given["browser_executable"] or "",
            pace=pace if pace is not None else 0 if is_loopback(trust.host) else DEFAULT_PACE,
            state_dir=pathlib.Path(given["state_dir"]),
            snapshot_dir=pathlib.Path(given["snapshot_dir"]) if given["snapshot_dir"] else None,
            wait_interval=max(1, given["wait_interval"]),
            announce=announce,
            read_secret=read_secret,
            browser=browser,
            **{name: given[name] for name in as_given},
        )
