# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import io
import logging

import pytest

PLUGIN_UTILS = "ansible_collections.labops.cloudresearch.plugins.plugin_utils"


@pytest.fixture
def log():
    """What Ansible's log file would hold: it is a handler of the root logger."""
    handler = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler.stream
    root.removeHandler(handler)


@pytest.mark.parametrize(
    ("module", "logger"),
    [
        ("aws.connection", "botocore.credentials"),
        ("aws.connection", "boto3.resources"),
        ("aws.connection", "urllib3.connectionpool"),
        ("store.hashi_client", "hvac.adapters"),
        ("store.hashi_client", "requests"),
        ("portal.drivers.wire", "urllib3.util.retry"),
        ("portal.drivers.wire", "charset_normalizer"),
        ("portal.drivers.browser_start", "asyncio"),
    ],
)
def test_a_librarys_message_reaches_neither_ansibles_log_nor_the_terminal(module, logger, log, capfd):
    importlib.import_module(f"{PLUGIN_UTILS}.{module}")
    logging.getLogger(logger).error("a message")
    logging.getLogger("ansible").error("Ansible's own")
    assert log.getvalue() == "Ansible's own\n"
    assert "a message" not in "".join(capfd.readouterr())
