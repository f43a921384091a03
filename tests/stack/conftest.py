# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that several test files use."""

from __future__ import annotations

from tests.stack.raw_server import raw
from tests.stack.written_sites import chromium, in_browser, over_http, run, sites

__all__ = ["chromium", "in_browser", "over_http", "raw", "run", "sites"]
