# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that runs in another process's shoes finds them as if they were its own, and leaves them as they were.

That results are the same as on the ordinary path is for the tests that run ansible-playbook.
"""

from __future__ import annotations

import atexit
import json
import os
import pathlib
import sys
import time
import types
import typing as t

import botocore.session
import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings as module_warnings

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws

PASSED = {"_ansible_version": "2.19.0", "_ansible_no_log": False, "_ansible_check_mode": False}


def run(main: t.Callable[[], t.Any], **more: t.Any) -> dict[str, t.Any]:
    module = types.SimpleNamespace(main=main, __file__="/collections/plugins/modules/tried.py")
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**PASSED, **more.pop("args", {})}}).encode()
    return direct_execution.run_in_process(module, arguments, **more)


def printed(result: dict[str, t.Any]) -> t.Any:
    return json.loads(result["stdout"])


def test_a_result_and_its_status() -> None:
    def main() -> None:
        module = basic.AnsibleModule(argument_spec={"word": {"type": "str"}})
        module.exit_json(changed=True, word=module.params["word"])

    result = run(main, args={"word": "hello"})
    assert result["rc"] == 0 and printed(result)["word"] == "hello"
    assert result["stdout_lines"] == result["stdout"].splitlines()


def test_a_failure_and_its_status() -> None:
    def main() -> None:
        basic.AnsibleModule(argument_spec={}).fail_json(msg="no")

    result = run(main)
    assert result["rc"] == 1 and printed(result)["msg"] == "no"


@pytest.mark.parametrize(
    ("status", "return_code", "stderr"),
    [(None, 0, ""), (0, 0, ""), (3, 3, ""), ("words", 1, "words\n"), (["x"], 1, "['x']\n")],
)
def test_every_way_to_exit(status: t.Any, return_code: int, stderr: str) -> None:
    result = run(lambda: sys.exit(status))
    assert (result["rc"], result["stderr"], result["stdout"]) == (return_code, stderr, "")


def test_an_exception_is_the_modules_not_the_workers() -> None:
    def main() -> None:
        raise RuntimeError("it broke")

    result = run(main)
    assert result["rc"] == 1 and "it broke" in result["stdout"] + result["stderr"]


def test_a_module_that_does_not_exit() -> None:
    assert "did not handle its own exit" in run(lambda: None)["stdout"]


def test_both_streams_take_text_and_bytes() -> None:
    def main() -> None:
        print("text")
        sys.stdout.buffer.write("b\u00e4t\u00e4s \udc80\n".encode("utf-8", "surrogateescape"))
        print("noise", file=sys.stderr)
        sys.exit(0)

    result = run(main)
    assert result["stdout_lines"][0] == "text" and result["stdout_lines"][1].startswith("b\u00e4t\u00e4s")
    assert result["stderr"] == "noise\n"


def surroundings() -> dict[str, t.Any]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "umask": umask,
        "arguments": list(sys.argv),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "at exit": atexit.register,
        "zone": time.tzname,
        "arguments of the module": basic._ANSIBLE_ARGS,
        "profile": getattr(basic, "_ANSIBLE_PROFILE", None),
        "warnings": (module_warnings._global_warnings, module_warnings._global_deprecations),
        "controller": getattr(getattr(direct_execution, "ansible_internal", None), "is_controller", None),
    }


class Interrupted(BaseException):
    """As the task's timeout is: no Exception, so that nothing on the way takes it for its own."""


@pytest.mark.parametrize("end", [SystemExit(0), RuntimeError("x"), Interrupted()])
def test_nothing_is_left_behind(tmp_path: pathlib.Path, end: BaseException) -> None:
    def main() -> None:
        assert os.getcwd() == str(tmp_path) and os.environ["PROBE"] == "4"
        os.environ["PROBE_LEFT"] = "yes"
        os.environ.pop("PATH", None)
        os.umask(0o777)
        os.chdir("/")
        sys.argv.append("x")
        sys.stdout = sys.stderr
        basic._ANSIBLE_ARGS = b"x"
        raise end

    before = surroundings()
    environment = {"PROBE": 4, "TZ": "Asia/Tokyo"}
    if isinstance(end, Interrupted):
        with pytest.raises(Interrupted):
            run(main, environment=environment, directory=str(tmp_path))
    else:
        run(main, environment=environment, directory=str(tmp_path))
    assert surroundings() == before


def test_a_module_finds_its_own_arguments_and_an_empty_input() -> None:
    def main() -> None:
        print(json.dumps([sys.argv, sys.stdin.read()]))
        sys.exit(0)

    assert printed(run(main)) == [["/collections/plugins/modules/tried.py"], ""]


def test_exit_functions_run_in_their_order_with_the_modules_surroundings() -> None:
    def main() -> None:
        atexit.register(print, "last", flush=True)
        atexit.register(lambda: 1 / 0)

        @atexit.register
        def first() -> None:
            print("first", os.environ["PROBE"])

        sys.exit(0)

    result = run(main, environment={"PROBE": "here"})
    assert result["stdout"] == "first here\nlast\n" and "ZeroDivisionError" in result["stderr"]
    assert result["rc"] == 0


def test_warnings_belong_to_one_module() -> None:
    def main() -> None:
        module = basic.AnsibleModule(argument_spec={})
        module.warn("mine")
        module.exit_json()

    for _turn in range(2):
        assert str(printed(run(main))["warnings"]).count("mine") == 1


def test_a_directory_that_is_gone_meanwhile(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's own directory may have been removed under it; that is no reason to fail."""
    doomed = tmp_path / "doomed"
    doomed.mkdir()
    monkeypatch.chdir(doomed)
    doomed.rmdir()
    result = run(lambda: sys.exit(0), directory=str(tmp_path))
    assert result["rc"] == 0


@pytest.mark.parametrize("source", ["raise RuntimeError('x')", "import no_such_module_at_all", "this is no Python"])
def test_a_module_that_cannot_be_imported_is_no_crash(
    source: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labops_probe_broken.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert direct_execution.preload("labops_probe_broken") is None
    assert direct_execution.preload("json") is json


def test_warming_up_never_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    config = tmp_path / "config"
    config.write_text("this [is no configuration")
    for name, value in (("AWS_PROFILE", "nobody"), ("AWS_CONFIG_FILE", str(config))):
        monkeypatch.setenv(name, value)
        direct_execution.warm_up_botocore()


def test_an_inventory_that_came_first_shares_its_models() -> None:
    """Whoever makes the first client, all sessions use one loader; also those of amazon.aws."""
    shared = aws.shared_loader()
    direct_execution.warm_up_botocore()
    direct_execution.warm_up_botocore()
    assert botocore.session.Session().get_component("data_loader") is shared
    assert botocore.session.create_loader("/somewhere/else") is not shared
