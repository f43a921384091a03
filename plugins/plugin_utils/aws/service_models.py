# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The descriptions of AWS's services, which botocore reads from files, are read once for all sessions of a process.

A session of botocore has a loader of its own. To find one service it looks at the directories of all of them, three
times over, and parses what it finds: more work than the calls that most clients make.
"""

from __future__ import annotations

import functools
import os

try:
    import botocore
    import botocore.loaders
    import botocore.session
except ImportError:  # AwsConnection says what is missing
    pass


@functools.cache
def _loader_of(search_path: str | None) -> botocore.loaders.Loader:
    """The loader of all sessions with the same search path, which is written as botocore's C(data_path) is."""
    paths = [path for path in (search_path or "").split(os.pathsep) if path]
    return botocore.loaders.Loader([os.path.expanduser(os.path.expandvars(path)) for path in paths])


def share_with(session: botocore.session.Session) -> None:
    """Let a session take its models from the loader of all sessions that have the same search path."""
    # Later, as botocore does it with its own loader: the profile, which can set the path, is not known yet.
    session.lazy_register_component("data_loader", lambda: _loader_of(session.get_config_variable("data_path")))


def share_with_all() -> None:
    """Do that with each session that is made in this process from now on, whoever makes it."""
    botocore.register_initializer(share_with)
