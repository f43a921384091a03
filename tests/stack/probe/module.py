# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that does one thing that modules do and that is easy to get wrong when it runs in another process."""

from __future__ import annotations

import atexit
import datetime
import os
import pathlib
import sys
import threading
import time
import warnings

from ansible.module_utils.basic import AnsibleModule

SIDE_EFFECTS = []


class Strange(Exception):
    """Unlike what a module raises."""


def main():
    module = AnsibleModule(
        argument_spec={
            "do": {"type": "str", "required": True},
            "number": {"type": "int", "default": 3},
            "word": {"type": "str", "choices": ["red", "green"]},
            "password": {"type": "str", "no_log": True},
            "old": {"type": "str", "removed_in_version": "9.0.0", "removed_from_collection": "labops_tests.probe"},
            "token_without_no_log": {"type": "str"},
            "nested": {
                "type": "dict",
                "options": {"secret": {"type": "str", "no_log": True}, "path": {"type": "path"}},
            },
            "text": {"type": "str"},
            "profile": {"type": "str"},
            "secret_key": {"type": "str", "no_log": True},
        },
        mutually_exclusive=[["word", "text"]],
        supports_check_mode=True,
    )
    globals()[f"do_{module.params['do']}"](module)


def do_nothing(module):
    module.exit_json(changed=False)


def do_report(module):
    module.exit_json(
        changed=not module.check_mode,
        diff={"before": "a\n", "after": "b\n"} if module._diff else None,
        check=module.check_mode,
        verbosity=module._verbosity,
        given=module.params["text"],
        echoed=f"the password is {module.params['password']}",
        stdout="one\ntwo",
        results=["ours"],
        when=datetime.datetime(2026, 11, 24, 12, 0, 0),
        a_set=sorted({1, 2}),
        a_tuple=(1, 2),
        some_bytes=b"bytes",
        unicode="\u00e4\u4e2d\U0001f600",
        umlaut_key={"\u00e4": 1},
    )


def do_surroundings(module):
    """What a module sees of its process."""
    module.exit_json(
        directory=os.getcwd(),
        environment={name: value for name, value in os.environ.items() if name.startswith("PROBE_")},
        hour=time.strftime("%H:%M %Z", time.localtime(0)),
        arguments=len(sys.argv),
        input=sys.stdin.read(),
        umask=f"{_umask():o}",
    )


def _umask():
    now = os.umask(0)
    os.umask(now)
    return now


def do_warn(module):
    warnings.warn("from Python's own warnings", stacklevel=1)
    sys.stderr.write("noise on stderr\n")
    sys.stdout.write("noise on stdout\n")
    module.warn("first")
    module.warn("second")
    module.warn("first")
    module.deprecate("old thing", version="9.0.0", collection_name="labops.cloudresearch")
    module.deprecate("dated thing", date="2031-01-01", collection_name="labops.cloudresearch")
    module.exit_json(changed=False)


def do_fail(module):
    module.warn("before it failed")
    module.fail_json(msg=f"no: {module.params['password']}", reason="because", rc=7)


def do_fail_with_cause(module):
    try:
        raise Strange("the cause")
    except Strange as exc:
        module.fail_json(msg="wrapped", exception=exc) if sys.argv is None else module.fail_json(msg="wrapped")
        raise AssertionError from exc


def do_raise(module):
    try:
        raise Strange("the cause")
    except Strange as exc:
        raise RuntimeError("it broke") from exc


def do_exit_with_text(module):
    sys.exit("only words")


def do_exit_without_result(module):
    sys.exit(0)


def do_return(module):
    """Forgets to exit."""


def do_print_no_json(module):
    print("this is { no JSON")
    sys.exit(3)


def do_print_twice(module):
    print('{"changed": false, "first": true}')
    print('{"changed": false, "second": true}')
    sys.exit(0)


def do_bytes_on_stdout(module):
    sys.stdout.buffer.write('{"changed": false, "written": "\u00e4"}'.encode())
    sys.stdout.buffer.flush()
    sys.exit(0)


def do_threads(module):
    seen = []
    threads = [threading.Thread(target=seen.append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    module.exit_json(changed=False, seen=sorted(seen))


def do_temporary(module):
    """Uses the module's own temporary directory, which has to be gone afterwards."""
    path = pathlib.Path(module.tmpdir)
    (path / "kept-for-now").write_text("x")
    pathlib.Path(module.params["text"]).write_text(str(path))
    module.exit_json(changed=False, mode=oct(path.stat().st_mode & 0o777))


def do_at_exit(module):
    path = pathlib.Path(module.params["text"])
    atexit.register(path.write_text, "first registered, last run")
    atexit.register(path.write_text, "last registered, first run")
    module.exit_json(changed=False)


def do_spoil(module):
    """Leaves traces in its process, which must not reach the next one."""
    SIDE_EFFECTS.append(1)
    os.environ["PROBE_SPOILED"] = "yes"
    os.environ.pop("PROBE_KEPT", None)
    os.umask(0o077)
    os.chdir("/")
    sys.argv.append("spoiled")
    module.warn("spoiled")
    module.exit_json(changed=False)


def do_sleep(module):
    time.sleep(30)
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
