# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run an ordinary module inside Ansible's already forked worker instead of in a new Python.

A new Python for one AWS module costs about one CPU-second, nearly all of it imports. Strategies load a task's action
plugin in the parent before they fork, so what the action plugin imports is there, warm, in each worker. The precedent
is C(ansible_network_import_modules) in ansible.netcommon.

What it relies on: C(ActionBase._execute_module) is left to do everything it does for any module, before and after.
Only three of the methods that it calls are replaced, those that would build, transfer and start a program; so
parameters, check mode, diff, C(no_log), warnings, deprecations and results are the ordinary ones by construction. It
also keeps secrets out of the temporary files that the ordinary path writes when pipelining is off.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import io
import json
import os
import sys
import time
import traceback
import typing as t

from ansible.executor import module_common
from ansible.module_utils import basic
from ansible.module_utils.common import json as module_json
from ansible.module_utils.common import warnings as module_warnings
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary

try:  # ansible-core 2.19 and later
    from ansible.module_utils import _internal as ansible_internal
    from ansible.module_utils._internal._ansiballz import _loader as ansiballz_loader

    HAS_PROFILES = True
except ImportError:  # ansible-core 2.18
    HAS_PROFILES = False

# The variable with which an operator turns direct execution off.
SWITCH_VARIABLE = "labops_cloudresearch_direct_execution"

# How modules and controller exchange data; all modules of today use this profile.
_PROFILE = "legacy"
_SHEBANG = f"#!{sys.executable}"
_NO_EXIT = "New-style module did not handle its own exit"

display = Display()

if HAS_PROFILES:
    # Loaded here, so that not each worker has to.
    for _direction in module_json.Direction:
        module_json.get_module_encoder(_PROFILE, _direction)


def preload(module_name: str) -> t.Any:
    """Import a module by its Python name, so that the workers forked later find it loaded.

    :returns: the module, or None if it cannot be imported here (the ordinary path will say why).
    """
    try:
        return importlib.import_module(module_name)
    except Exception as exc:
        # Whatever is wrong with it: an action that cannot be loaded could not say.
        display.vvv(f"{vocabulary.COLLECTION}: {module_name} cannot be imported here: {exc}")
        return None


def warm_up_botocore() -> None:
    """Load once, in the parent, what every AWS client needs: botocore's service models.

    botocore parses a service's model anew for each session; remembering its loaders saves most of a client's cost.
    amazon.aws makes its sessions itself, so this is the one place where all of them can share. The models are
    read-only data: sharing them changes nothing else.
    """
    try:
        import botocore.session
    except ImportError:
        return
    if not hasattr(botocore.session.create_loader, "cache_info"):
        create_loader = botocore.session.create_loader

        @functools.cache
        def shared_create_loader(search_path_string: str | None = None) -> t.Any:
            return create_loader(search_path_string) if search_path_string else aws.shared_loader()

        botocore.session.create_loader = shared_create_loader
    try:
        aws.warm_up(("iam", "sts", "mturk"))
    except Exception as exc:
        # Such as a profile in the environment that does not exist. It only costs time here; who needs it will say so.
        display.vvv(f"{vocabulary.COLLECTION}: AWS clients could not be prepared: {exc}")


@contextlib.contextmanager
def task_environment(action: t.Any) -> t.Iterator[None]:
    """The task's C(environment), for what an action does itself and a module would have done with it."""
    environment: dict[str, t.Any] = {}
    action._compute_environment_string(environment)
    with _added_to_environment(environment):
        yield


class DirectExecution(ActionBase):
    """An action that runs the module of its own name in the worker where it can, and as usual where it cannot."""

    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    # Set while a module runs directly.
    _direct_module: t.Any = None
    # The options of the module that is being run. ActionBase writes the arguments that it is given to the debug log,
    # whatever is secret in them, so it is given none.
    _options: t.Mapping[str, t.Any] | None = None

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task's module."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        return dict(merge_hash(result, self.execute(self._task.action, dict(self._task.args), task_vars or {})))

    def execute(self, module_name: str, module_args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run any module, directly if possible.

        :param module_name: the module's fully qualified collection name.
        :param module_args: its options.
        """
        module = None
        refusal = self._why_not_direct(task_vars)
        if not refusal:
            module = preload(self._python_name(module_name))
            refusal = "" if hasattr(module, "main") else "the module cannot be imported here"
        self._options = module_args
        try:
            if refusal:
                display.vvv(f"{module_name} runs as an ordinary module: {refusal}", host=self._host_name(task_vars))
                return self._execute_as_usual(module_name, task_vars)
            self._direct_module = module
            data: dict[str, t.Any] = self._execute_module(module_name=module_name, module_args={}, task_vars=task_vars)
            return data
        finally:
            self._options = self._direct_module = None

    def _execute_as_usual(self, module_name: str, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        data: dict[str, t.Any] = self._execute_module(
            module_name=module_name, module_args={}, task_vars=task_vars, wrap_async=wrap_async
        )
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return data

    def _why_not_direct(self, task_vars: dict[str, t.Any]) -> str:
        """The reason for the ordinary path, empty if there is none."""
        # Variables reach actions as they were written, templates included.
        if not boolean(self._templar.template(task_vars.get(SWITCH_VARIABLE, True)), strict=False):
            return f"{SWITCH_VARIABLE} is false"
        if not aws.HAS_BOTOCORE:
            return "Ansible's own Python lacks botocore; the target's interpreter may have it"
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}, not local"
        if self._task.async_val:
            return "the task is asynchronous"
        if self._connection.become:
            return "the task uses become"
        return ""

    def _python_name(self, module_name: str) -> str:
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            module_name, collection_list=self._task.collections
        )
        return str(found.plugin_resolved_name) if found.resolved else module_name

    @staticmethod
    def _host_name(task_vars: dict[str, t.Any]) -> str | None:
        return task_vars.get("inventory_hostname")

    def _is_pipelining_enabled(self, module_style: str, wrap_async: bool = False) -> bool:
        # Nothing is transferred, so no temporary directory is needed.
        return True if self._direct_module else bool(super()._is_pipelining_enabled(module_style, wrap_async))

    def _configure_module(self, module_name: str, module_args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> t.Any:
        options, self._options = self._options or {}, None  # once: an asynchronous task configures its wrapper next
        module_args = {**options, **module_args}
        if not self._direct_module:
            return super()._configure_module(module_name=module_name, module_args=module_args, task_vars=task_vars)
        path = getattr(self._direct_module, "__file__", module_name)
        payload = {"ANSIBLE_MODULE_ARGS": module_args}
        if not HAS_PROFILES:
            encoded = json.dumps(payload, cls=module_json.AnsibleJSONEncoder, vault_to_text=True).encode()
            return "new", _SHEBANG, encoded, path
        encoder = module_json.get_module_encoder(_PROFILE, module_json.Direction.CONTROLLER_TO_MODULE)
        built = module_common._BuiltModule(
            b_module_data=json.dumps(payload, cls=encoder).encode(),
            module_style="new",
            shebang=_SHEBANG,
            serialization_profile=_PROFILE,
        )
        return built, path

    def _low_level_execute_command(self, cmd: str, *args: t.Any, **kwargs: t.Any) -> dict[str, t.Any]:
        if not self._direct_module:
            return dict(super()._low_level_execute_command(cmd, *args, **kwargs))
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        # The directory is the one in which the connection runs programs, too.
        return run_in_process(self._direct_module, kwargs["in_data"], environment, self._loader.get_basedir())


def run_in_process(
    module: t.Any,
    encoded_args: bytes,
    environment: t.Mapping[str, t.Any] | None = None,
    directory: str | None = None,
) -> dict[str, t.Any]:
    """Call a module's C(main) as if it were a program of its own.

    What a program has to itself (its arguments, standard streams, environment, working directory, umask, exit
    functions) is the module's own for the time of the call, because a task with a loop runs all its items in one
    worker. Signal handlers and the locale stay the worker's.

    :param module: the imported module.
    :param encoded_args: what AnsiballZ would hand it, JSON.
    :param environment: the task's C(environment), added to the process's.
    :param directory: where to run; None: where the process is.
    :returns: C(rc), C(stdout), C(stderr) as a finished command has them.
    """
    stdout, stderr = _Captured(), _Captured()
    exit_functions: list[t.Callable[[], t.Any]] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(_added_to_environment(environment or {}))
        stack.enter_context(_in_directory(directory))
        stack.enter_context(_own_umask())
        stack.enter_context(_replaced(atexit, "register", _registers_in(exit_functions)))
        stack.enter_context(_replaced(sys, "argv", [getattr(module, "__file__", "")]))
        stack.enter_context(_replaced(sys, "stdin", io.TextIOWrapper(io.BytesIO())))
        stack.enter_context(_replaced(basic, "_ANSIBLE_ARGS", encoded_args))
        if HAS_PROFILES:
            stack.enter_context(_replaced(basic, "_ANSIBLE_PROFILE", _PROFILE))
            # Else warnings would go straight to the display instead of into the result, some of them not at all.
            stack.enter_context(_replaced(ansible_internal, "is_controller", False))
        # What a module warns about belongs to its own result only.
        for registry in ("_global_warnings", "_global_deprecations"):
            stack.enter_context(_replaced(module_warnings, registry, type(getattr(module_warnings, registry))()))
        stack.enter_context(contextlib.redirect_stdout(stdout))
        stack.enter_context(contextlib.redirect_stderr(stderr))
        return_code = _call(module.main)
        for function in reversed(exit_functions):
            try:
                function()
            except Exception:
                traceback.print_exc()
    return {
        "rc": return_code,
        "stdout": stdout.text(),
        "stdout_lines": stdout.text().splitlines(),
        "stderr": stderr.text(),
        "stderr_lines": stderr.text().splitlines(),
    }


def _call(main: t.Callable[[], t.Any]) -> int:
    """Call C(main); the status with which its program would have ended."""
    try:
        main()
        if HAS_PROFILES:
            raise RuntimeError(f"{_NO_EXIT}.")
        print(json.dumps({"msg": _NO_EXIT, "failed": True}))
    except SystemExit as exc:
        if exc.code is None or isinstance(exc.code, int):
            return exc.code or 0
        print(exc.code, file=sys.stderr)
    except Exception as exc:
        if HAS_PROFILES:
            with contextlib.suppress(SystemExit):
                ansiballz_loader._handle_exception(exc, _PROFILE)
        else:
            traceback.print_exc()
    return 1


class _Captured(io.TextIOWrapper):
    """A standard stream that keeps what is written to it, bytes included."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="surrogateescape", write_through=True)

    def text(self) -> str:
        """All that was written."""
        self.flush()
        return str(to_text(t.cast(io.BytesIO, self.buffer).getvalue(), errors="surrogate_then_replace"))


def _registers_in(functions: list[t.Callable[[], t.Any]]) -> t.Callable[..., t.Any]:
    """A stand-in for C(atexit.register): workers end without running what was registered there."""

    def register(function: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> t.Callable[..., t.Any]:
        functions.append(functools.partial(function, *args, **kwargs))
        return function

    return register


@contextlib.contextmanager
def _replaced(owner: t.Any, name: str, value: t.Any) -> t.Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def _added_to_environment(variables: t.Mapping[str, t.Any]) -> t.Iterator[None]:
    original = dict(os.environ)
    os.environ.update({name: str(value) for name, value in variables.items()})
    time.tzset()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(original)
        time.tzset()


@contextlib.contextmanager
def _in_directory(directory: str | None) -> t.Iterator[None]:
    # By descriptor, because the original can have been removed or be unreadable.
    original = os.open(".", getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if directory:
            os.chdir(directory)
        yield
    finally:
        os.fchdir(original)
        os.close(original)


@contextlib.contextmanager
def _own_umask() -> t.Iterator[None]:
    original = os.umask(0)
    os.umask(original)
    try:
        yield
    finally:
        os.umask(original)
