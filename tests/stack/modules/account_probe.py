# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that does what modules do, good and bad, for tests of how it was started."""

from __future__ import annotations

import fcntl
import os
import sys
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = EXAMPLES = RETURN = ""


def main() -> None:
    module = AnsibleModule(
        {
            "do": {"type": "str", "required": True},
            "path": {"type": "path"},
            "secret": {"type": "str", "no_log": True},
            "number": {"type": "int", "default": 7},
        },
        supports_check_mode=True,
    )
    do, path = module.params["do"], module.params["path"]
    if do == "warn":
        module.warn("look out")
        module.deprecate("soon gone", date="2099-01-01", collection_name="labops.cloudresearch")
    elif do == "crash":
        raise ValueError("this module crashed")
    elif do == "exit with text":
        sys.exit("text instead of a result")
    elif do == "fail":
        module.fail_json("as a module fails", secret_was=module.params["secret"])
    elif do == "bytes":
        print("not JSON")
        sys.stdout.flush()
        sys.stderr.buffer.write(b"\xff\xfe not UTF-8")
        module.exit_json(changed=True, text=b"caf\xc3\xa9")
    elif do == "environment":
        with open("/proc/self/environ", "rb") as file:
            shown = file.read().decode(errors="replace")
        _code, inherited, _errors = module.run_command(["env"])
        module.exit_json(own=dict(os.environ), shown=shown, inherited=inherited)
    elif do == "wait":
        with open(path, "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with open(f"{path}.started", "w"):
                pass  # a pipe: opening it lets the test go on
            time.sleep(600)
    module.exit_json(
        changed=do == "change",
        check_mode=module.check_mode,
        params=module.params,
        diff={"before": "a\n", "after": "b\n"},
    )


if __name__ == "__main__":
    main()
