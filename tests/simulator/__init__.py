# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local stack: AWS, Mechanical Turk, the requester site and CloudResearch, strict and on loopback only.

Start it with C(python -m tests.simulator), or from Python with L(running_simulator, tests.simulator.process).
"""
