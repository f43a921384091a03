# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a Python program in a fork of this process.

The program finds what a new interpreter would give it: its own C(__main__), arguments, standard streams, environment,
signal handlers, exit functions, and its own copy of Ansible. What it shares with this process are the other libraries
that are loaded already. It is no sandbox: like each program of this user, it could look into others.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import fcntl
import gc
import importlib.machinery
import locale
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import types
import typing as t

from .carried_modules import InstalledSources

# Packages that a program brings itself, in the version and the state that it was written for.
_OWN_TO_PROGRAMS = ("ansible", "ansible_collections")
# What this keeps of the process that it was imported in (who it is, whether it may have children) is not the child's.
_OWN_TO_PROCESSES = ("multiprocessing",)


def be_the_program(
    program: bytes,
    environment: t.Mapping[str, str],
    directory: str | bytes | None,
    writers: t.Sequence[int],
    prepare: t.Callable[[], None] | None,
) -> t.NoReturn:
    """All of the child's life. It must not return: what is above on the stack is this process's business."""
    status = 1
    try:
        # Nothing of the parent's may be finalized here: closing its files would close descriptors that are ours now.
        gc.freeze()
        parents = [dict(sys.modules), sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__]
        _own_signals()
        _own_streams(writers)
        _own_environment(environment, directory)
        exit_functions = _own_imports()
        parents.extend(_own_settings())
        if prepare:
            prepare()
        status = _execute(program, exit_functions)
    except BaseException:
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
    finally:
        os._exit(status)


def _own_signals() -> None:
    """The signal handlers of a new interpreter: inherited functions are gone, what was ignored stays ignored."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_IGN)


def _own_streams(writers: t.Sequence[int]) -> None:
    """An empty standard input, the pipes as output, and no other descriptor."""
    empty, closed = os.pipe()
    os.close(closed)
    # First out of the way of the numbers that they shall have.
    for number, descriptor in enumerate([fcntl.fcntl(found, fcntl.F_DUPFD, 3) for found in (empty, *writers)]):
        os.dup2(descriptor, number)
    with os.scandir("/dev/fd") as entries:
        inherited = [int(entry.name) for entry in entries]
    for descriptor in inherited:
        if descriptor > 2:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    names = ("stdin", "stdout", "stderr")
    for number, name in enumerate(names):
        model = getattr(sys, f"__{name}__")
        stream = open(  # noqa: SIM115
            number,
            "w" if number else "r",
            encoding=getattr(model, "encoding", None) or "utf-8",
            errors="backslashreplace" if name == "stderr" else getattr(model, "errors", None) or "strict",
            buffering=1 if name == "stderr" else -1,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _own_environment(environment: t.Mapping[str, str], directory: str | bytes | None) -> None:
    """The environment, in each of the places where a program or its neighbours can read it."""
    os.environ.clear()
    with contextlib.suppress(Exception):
        # Libraries written in C have put variables there of which Python knows nothing, readline among them.
        ctypes.CDLL(None).clearenv()
    with contextlib.suppress(Exception):
        _overwrite_the_parents_environment()
    os.environ.update(environment)
    time.tzset()
    if directory:
        os.chdir(directory)


def _overwrite_the_parents_environment() -> None:
    """Blank what /proc shows as the environment: still that with which the parent was started.

    Nothing points there once all variables have been removed, see proc_pid_stat(5) for the fields.
    """
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)


def _own_imports() -> _ExitFunctions:
    """Imports as in a new interpreter: no Ansible yet, no finder of Ansible's, the standard search path."""
    installed = InstalledSources(_OWN_TO_PROGRAMS)
    main = sys.modules["__main__"]
    script = os.path.realpath(getattr(main, "__file__", None) or "")
    for name in list(sys.modules):
        if name.partition(".")[0] in _OWN_TO_PROGRAMS + _OWN_TO_PROCESSES:
            del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _is_ansibles(finder)]
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if not _is_ansibles(hook)]
    for path, finder in list(sys.path_importer_cache.items()):
        if _is_ansibles(finder):
            del sys.path_importer_cache[path]
    importlib.invalidate_caches()
    sys.meta_path.insert(0, installed)
    if sys.path and sys.path[0] and os.path.realpath(sys.path[0]) == os.path.dirname(script):
        del sys.path[0]
    sys.path.insert(0, "")
    sys.argv[:] = [""]
    exit_functions = _ExitFunctions()
    sys.modules["atexit"] = exit_functions
    return exit_functions


def _is_ansibles(thing: object) -> bool:
    # A method or function tells its module, and of another object its class does.
    return str(getattr(thing, "__module__", "")).partition(".")[0] in _OWN_TO_PROGRAMS


def _own_settings() -> list[object]:
    """What libraries remember of this process. Returns what must be kept alive."""
    tempfile.tempdir = None
    sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
    threading.excepthook = threading.__excepthook__
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "C")
        locale.setlocale(locale.LC_CTYPE, "")
    kept: list[object] = []
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for logger in [logging.root, *loggers]:
        for handler in list(logger.handlers):
            # It writes to a descriptor of the parent's. Libraries that log to nowhere by default go on doing so.
            if logger is logging.root or not isinstance(handler, logging.NullHandler):
                kept.append(handler)
                logger.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)
    return kept


class _ExitFunctions(types.ModuleType):
    """The module C(atexit) of the program: those of the parent must not run here, and theirs must run."""

    def __init__(self) -> None:
        super().__init__("atexit")
        self._registered: list[tuple[t.Callable[..., object], tuple[t.Any, ...], dict[str, t.Any]]] = []

    def register(self, func: t.Callable[..., object], *args: t.Any, **kwargs: t.Any) -> t.Callable[..., object]:
        """As C(atexit.register)."""
        self._registered.append((func, args, kwargs))
        return func

    def unregister(self, func: t.Callable[..., object]) -> None:
        """As C(atexit.unregister)."""
        self._registered = [entry for entry in self._registered if entry[0] != func]

    def run(self) -> None:
        """Call them, the last one first."""
        while self._registered:
            function, args, kwargs = self._registered.pop()
            try:
                function(*args, **kwargs)
            except BaseException as exc:
                _show(exc)


def _execute(program: bytes, exit_functions: _ExitFunctions) -> int:
    """Run the program to its end, as an interpreter does. Returns the exit status."""
    known = set(sys.modules)
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __loader__=importlib.machinery.BuiltinImporter)
    main.__dict__.update(__file__="<stdin>", __cached__=None, __annotations__={})
    sys.modules["__main__"] = main
    status = _call_main(program, main.__dict__)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    exit_functions.run()
    logging.shutdown()
    # Whatever the program left open is written and closed now.
    main.__dict__.clear()
    for name in set(sys.modules) - known:
        del sys.modules[name]
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return 120
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _call_main(program: bytes, namespace: dict[str, t.Any]) -> int:
    try:
        exec(compile(program, "<stdin>", "exec", dont_inherit=True), namespace)  # noqa: S102  # it is a program
    except SystemExit as exc:
        if exc.code is None or isinstance(exc.code, int):
            return (exc.code or 0) & 0xFF
        print(exc.code, file=sys.stderr)
    except BaseException as exc:
        _show(exc)
        if isinstance(exc, KeyboardInterrupt):
            return -signal.SIGINT
    else:
        return 0
    return 1


def _show(exc: BaseException) -> None:
    # Without the first frame, which is ours.
    traceback = exc.__traceback__ and exc.__traceback__.tb_next
    sys.excepthook(type(exc), exc.with_traceback(traceback), traceback)
