# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of a lab is judged before anything is asked, whoever hands it on."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import declaration
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.declared import Declaration
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.account_link import PortalSettings


def declared(**options: t.Any) -> Declaration:
    checked = ArgumentSpecValidator(declaration.ARGUMENT_SPEC).validate({"lab": "lab-01", **options})
    assert not checked.error_messages
    return declaration.declaration(checked.validated_parameters, check_mode=False)


@pytest.mark.parametrize("name", ["max_age_days", "grace_days", "retire_after_days"])
def test_a_number_of_days_below_zero_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(CollectionError, match=name) as caught:
        declared(**{name: -5})
    assert caught.value.reason == "invalid_options" and caught.value.next_step


def test_no_age_and_no_days_are_none() -> None:
    request = declared(max_age_days=0, grace_days=0, retire_after_days=0).request
    assert (request.max_age_days, request.grace_days, request.retire_after_days) == (None, 0, 0)


@pytest.mark.parametrize("amount", ["nan", "inf"])
def test_money_that_is_no_number_is_refused(amount: str) -> None:
    for options in ({"minimum_balance": amount}, {"thresholds": {"minimum_balance": amount}}):
        with pytest.raises(CollectionError, match="number") as caught:
            declared(**options)
        assert caught.value.next_step


def test_an_option_of_the_portal_that_is_not_of_its_type_is_refused_by_its_name() -> None:
    account = {"email": "pi@uni.example", "password": "p", "options": {"timeout": "soon"}}
    with pytest.raises(CollectionError, match="timeout") as caught:
        declared(cloudresearch=account)
    assert caught.value.next_step


def test_options_of_the_portal_mean_the_same_as_texts() -> None:
    # What a template gives is a text before ansible-core 2.19, and any text is true.
    settings = PortalSettings.from_params(
        {"validate_certs": "false", "allow_unsandboxed_browser": "no", "accept_terms": "False", "timeout": "30"}
    )
    assert (settings.validate_certs, settings.allow_unsandboxed_browser, settings.accept_terms) == (False,) * 3
    assert settings.timeout == 30
