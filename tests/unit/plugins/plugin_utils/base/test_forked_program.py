# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program in a fork does what it does in a new Python."""

from __future__ import annotations

import fcntl
import logging
import os
import pathlib
import select
import selectors
import signal
import subprocess
import sys
import textwrap
import time
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import forked_program

# Also where ansible-test has laid out the collection.
COLLECTIONS = pathlib.Path(forked_program.__file__).parents[6]

PROGRAMS = {
    "both streams": "import sys; print('out'); print('err', file=sys.stderr)",
    "an exit code": "import sys; print('before'); sys.exit(3)",
    "an exit code too large": "import sys; sys.exit(300)",
    "an exit without code": "import sys; sys.exit()",
    "an exit with text": "import sys; sys.exit('what is wrong')",
    "a crash": "def fail():\n    raise ValueError('why')\nfail()\n",
    "a crash with a cause": "try:\n    1/0\nexcept ZeroDivisionError as exc:\n    raise KeyError('x') from exc\n",
    "not Python": "this is not Python",
    "an interruption": "raise KeyboardInterrupt",
    "an end by a signal": "import os; os.kill(os.getpid(), 15)",
    "a hard end": "import os; print('lost'); os._exit(4)",
    "not UTF-8": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    "what cannot be encoded": "import sys; print(chr(0xdcff), file=sys.stderr); print('ä'); print(chr(0xdcff))",
    "functions at exit": """
        import atexit
        def say(*what, **named): print(what, named)
        atexit.register(say, 1, two=2)
        atexit.register(say, 'never'); atexit.unregister(say); atexit.register(say, 'again')
        raise SystemExit(2)
        """,
    "a thread": """
        import threading, time
        def later(): time.sleep(0.2); print('later')
        threading.Thread(target=later).start()
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        """,
    # By name: the numbers of those without go on from what this process has counted.
    "a thread that fails": """
        import threading
        failing = threading.Thread(target=lambda: 1 / 0, name='failing')
        failing.start(); failing.join()
        """,
    "files left open": """
        def leave(name):
            inside = open(name, 'w'); inside.write('kept')
            raise SystemExit(1)
        at_the_top = open('top', 'w'); at_the_top.write('kept, too')
        leave('inside')
        """,
    "what is left to clean up": """
        import tempfile, weakref, os
        directory = tempfile.TemporaryDirectory(dir='.', prefix='removed')
        class Thing: pass
        thing = Thing(); weakref.finalize(thing, print, 'finalized')
        """,
    "what it is": """
        import sys, os, builtins
        print(__name__, __file__, sys.argv, sys.path[0], os.getcwd(), __builtins__ is builtins)
        print(sys.modules['__main__'].__dict__ is globals(), sys.flags, os.umask(0), repr(sys.stdin.read()))
        print(sys.stdout.encoding, sys.stdout.errors, sys.stdin.errors, sys.stderr.errors)
        ours = ('ansible', 'ansible_collections')  # ansible-test's own modules have longer names
        print(sorted(name for name in sys.modules if name.split('.')[0] in ours), sys.excepthook is sys.__excepthook__)
        """,
    "what it carries in a ZIP file": """
        import importlib.util, inspect, os, sys, tempfile, zipfile
        installed = importlib.util.find_spec('ansible').submodule_search_locations[0]
        source = open(os.path.join(installed, 'release.py')).read()
        path = os.path.join(tempfile.mkdtemp(), 'payload.zip')
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('ansible/__init__.py', '')
            archive.writestr('ansible/release.py', source)
            archive.writestr('ansible/errors/__init__.py', 'VALUE = "not what is installed"')
            archive.writestr('ansible/only_here.py', 'VALUE = __name__')
        sys.path.insert(0, path)
        from ansible import errors, only_here, release
        for module in (errors, only_here, release):
            print(module.__name__, module.__package__, module.__file__.replace(path, 'ZIP'), inspect.getsource(module))
        print(errors.VALUE, only_here.VALUE, release.__version__)
        try:
            import ansible.constants
        except ImportError as exc:
            print(exc)
        """,
    "where it imports from": """
        import sys
        # Our own finder takes what a program carries, and nothing else.
        finders = [f for f in sys.meta_path if type(f).__name__ != 'InstalledSources']
        print([getattr(f, '__name__', type(f).__name__) for f in finders if 'ansible' in repr(f).lower()])
        print([hook for hook in sys.path_hooks if 'ansible' in repr(hook).lower()])
        try:
            import ansible_collections.labops.cloudresearch
        except ImportError as exc:
            print(exc)
        """,
    "signals": """
        import signal
        print({number: str(signal.getsignal(number)) for number in sorted(signal.valid_signals())
               if not str(signal.getsignal(number)).startswith('<')}, signal.getsignal(signal.SIGINT).__name__)
        """,
    "descriptors": "import os; print([number for number in range(500) if os.path.exists(f'/dev/fd/{number}')])",
    "its environment": """
        import os, subprocess, tempfile, time
        os.environ.pop('PWD', None)  # that is the shell's
        print(sorted(os.environ.items()), tempfile.gettempdir(), time.tzname, os.path.expanduser('~'))
        print(sorted(subprocess.run(['env'], capture_output=True, text=True).stdout.splitlines()))
        """,
    "processes": """
        import multiprocessing
        def work(queue): queue.put(multiprocessing.current_process().name)
        context = multiprocessing.get_context('fork')
        queue = context.SimpleQueue()
        process = context.Process(target=work, args=(queue,)); process.start(); process.join()
        print(queue.get(), multiprocessing.current_process().name, process.exitcode)
        """,
    "logging": """
        import logging
        logging.warning('to standard error'); logging.info('not shown')
        logging.getLogger('of.a.library').error('shown')
        """,
    "locale": "import locale; print(locale.setlocale(locale.LC_ALL), locale.getpreferredencoding())",
    "both streams full": """
        import sys
        for _ in range(300): print('o' * 9999); print('e' * 9999, file=sys.stderr)
        """,
}


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    # Those that set up this Python.
    kept = {name: value for name, value in os.environ.items() if name.startswith(("LANG", "LC_", "LD_", "PYTHON"))}
    kept.pop("PYTHONUNBUFFERED", None)
    return {**kept, "PATH": os.defpath, "HOME": "/nowhere", "TMPDIR": str(tmp_path), "TZ": "Asia/Tokyo", "EMPTY": ""}


@pytest.fixture
def operators(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[None]:
    """What this process is, and a program in it must not be."""
    monkeypatch.setattr(sys, "excepthook", lambda *_args: None)
    # pytest under ansible-test adds the place of the collection, which no worker of Ansible has there.
    monkeypatch.setattr(
        sys, "path", [entry for entry in sys.path if not pathlib.Path(entry, "ansible_collections", "labops").exists()]
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the operator's")
    handler = logging.StreamHandler(sys.__stderr__)
    logging.root.addHandler(handler)
    previous = signal.signal(signal.SIGUSR1, lambda *_args: None)
    yield
    signal.signal(signal.SIGUSR1, previous)
    logging.root.removeHandler(handler)


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_a_new_python(name: str, environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    program = textwrap.dedent(PROGRAMS[name]).encode()
    here, there = tmp_path / "here", tmp_path / "there"
    results = []
    for directory in (here, there):
        work = directory / "work"
        work.mkdir(parents=True)
        if directory is here:
            result = forked_program.run_program(program, environment, str(work))
        else:
            shell = ["/bin/sh", "-c", f"{sys.executable} && sleep 0"]
            done = subprocess.run(shell, check=False, input=program, capture_output=True, env=environment, cwd=work)
            result = (done.returncode, done.stdout, done.stderr)
        left = {path.name: path.read_text() for path in work.iterdir()}
        results.append((result[0], *(stream.replace(b"/there/", b"/here/") for stream in result[1:]), left))
    # What the shell itself says of a signal is not the program's.
    results[1] = (*results[1][:2], results[1][2].removesuffix(b"Terminated\n"), left)
    assert results[0] == results[1]


def test_what_fails_at_exit_keeps_nothing_else_from_running(environment: dict[str, str]) -> None:
    program = b"import atexit\natexit.register(print, 'last')\natexit.register(lambda: 1 / 0)\n"
    code, output, errors = forked_program.run_program(program, environment)
    assert (code, output) == (0, b"last\n") and b"ZeroDivisionError" in errors


def test_the_directory_of_the_parents_script_is_no_place_to_import_from(
    environment: dict[str, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "ansible-playbook"), raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    _code, output, _errors = forked_program.run_program(b"import sys; print(sys.path)", environment)
    assert output.decode() == f"{['', *sys.path[1:]]}\n"


def test_nothing_of_the_parents_environment_is_left(environment: dict[str, str]) -> None:
    """Not even where only the kernel shows it, as Linux does."""
    shown = pathlib.Path("/proc/self/environ")
    if not shown.exists():
        pytest.skip("this machine does not show it")
    source = f"print(open({str(shown)!r}, 'rb').read().strip(bytes(1)))"
    assert forked_program.run_program(source.encode(), environment)[:2] == (0, b"b''\n")


def test_a_flood_of_output_takes_linear_time(environment: dict[str, str]) -> None:
    started = time.process_time()
    program = b"import sys\nfor _ in range(50):\n    sys.stdout.write('x' * 1000000)\n"
    code, output, _errors = forked_program.run_program(program, environment)
    assert (code, len(output)) == (0, 50_000_000)
    # Generous; joining at every read would copy a hundred gigabytes.
    assert time.process_time() - started < 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_orphan_when_the_parent_is_told_to_end(number: signal.Signals, tmp_path: pathlib.Path) -> None:
    """The child keeps a lock as long as it lives."""
    fifo, lock = tmp_path / "started", tmp_path / "lock"
    os.mkfifo(fifo)
    started = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    child = f"""
        import fcntl, signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
        held = open({str(lock)!r}, 'w'); fcntl.flock(held, fcntl.LOCK_EX)
        open({str(fifo)!r}, 'w').close()
        time.sleep(600)
        """
    parent = f"""
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        sys.path.insert(0, {str(COLLECTIONS)!r})
        from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import forked_program
        forked_program.run_program({textwrap.dedent(child).encode()!r}, {{}})
        """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent)], stderr=subprocess.DEVNULL) as process:
        assert select.select([started], [], [], 60)[0], "the child has not begun"
        process.send_signal(number)
        assert process.wait(30) == -number
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_error_here_ends_the_child(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError("no memory")

    lock = tmp_path / "lock"
    monkeypatch.setattr(selectors, "DefaultSelector", fail)
    program = (
        f"import fcntl, time\nheld = open({str(lock)!r}, 'w')\nfcntl.flock(held, fcntl.LOCK_EX)\ntime.sleep(600)\n"
    )
    with pytest.raises(OSError, match="no memory"):
        forked_program.run_program(program.encode(), {})
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
