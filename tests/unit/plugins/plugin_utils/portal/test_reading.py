# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from HTML, what a form sends, and what a snapshot keeps."""

from __future__ import annotations

import pathlib
import stat
import urllib.parse

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import (
    BLOT,
    Snapshots,
    blotted_page,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import describe
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Page,
    Seen,
    bare_address,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.forms import (
    post_back,
    successful_controls,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page

ADDRESS = "https://app.cloudresearch.com/a/b?token=t#x"


def read(html: str) -> Page:
    return read_page(html, ADDRESS)


HIDDEN = [
    "<div hidden>{}</div>",
    "<div style='display:none'>{}</div>",
    "<div style='DISPLAY : NONE !important'>{}</div>",
    "<div style='visibility:hidden'>{}</div>",
    "<div aria-hidden=true>{}</div>",
    "<div style='position:absolute;left:-9999px'>{}</div>",
    "<div style='opacity:0'>{}</div>",
    "<div style='height:0;overflow:hidden'>{}</div>",
    "<div style='position:absolute;clip:rect(0,0,0,0)'>{}</div>",
    "<template>{}</template>",
    "<dialog>{}</dialog>",
    "<div popover>{}</div>",
    "<!-- {} -->",
    "<style>.x{{display:none}}</style><div class=x>{}</div>",
    "<style>@media screen{{#y{{display:none}}}}</style><div id=y>{}</div>",
    "<style>/* .z{{}} */ form .z, p.z{{visibility:hidden}}</style><form><div class=z>{}</div></form>",
    "<div class=d-none>{}</div>",
    "<div class='modal fade'>{}</div>",
    "<div class='tab-pane'>{}</div>",
]


@pytest.mark.parametrize("markup", HIDDEN)
def test_what_nobody_sees_is_not_read(markup: str) -> None:
    page = read(
        markup.format("<p role=alert>Success</p><label>Email<input name=e></label><a href=/x>Link Mechanical Turk</a>")
    )
    assert "Success" not in page.blocks
    assert page.notices == []
    assert [field for form in page.forms for field in form.fillable] == []
    assert [link for link in page.links if link.seen.usable] == []


def test_marks_of_the_browser_driver_that_a_page_makes_up_say_nothing() -> None:
    html = "<form><input name=e{}><button{}>Go</button></form><a href=/x{}>x</a>"
    marks = " data-labops-ref=x data-LABOPS-form=y data-labops-seen=hidden data-labops-value=v data-labops-plain"
    assert read(html.format(*[marks] * 3)) == read(html.format("", "", ""))


SHOWN = [
    "<div>{}</div>",
    "<div style='opacity:0.5;left:-3px'>{}</div>",
    "<style>@media print{{.x{{display:none}}}}</style><div class=x>{}</div>",
    "<style>@media (max-width:600px){{.x{{display:none}}}}</style><div class=x>{}</div>",
    "<style>.x{{display:none}} div.x{{display:block}}</style><div class=x>{}</div>",
    "<style>.x{{display:none}}</style><div class=y>{}</div>",
    "<style>.x::before, a:hover{{display:none}} broken{{</style><div class=x>{}</div>",
    "<style>.x{{display:none}}</style><div class=x style='display:block'>{}</div>",
    "<dialog open>{}</dialog>",
    "<div class='modal show'>{}</div>",
    "<details open><summary>s</summary>{}</details>",
    "<noscript>{}</noscript>",
]


@pytest.mark.parametrize("markup", SHOWN)
def test_what_is_seen_is_read(markup: str) -> None:
    page = read(markup.format("<p role=alert>Success</p><a href=/x>Link</a>"))
    assert "Success" in page.blocks
    assert [notice.text for notice in page.notices][-1:] == ["Success"]
    assert page.links[0].seen is Seen.VISIBLE


def test_texts_are_told_apart_by_the_blocks_they_stand_in() -> None:
    page = read(
        "<p>One <b>two</b> <span>three</span></p>four<br>five<ul><li>six<li>seven</ul><table><tr><td>eight"
        "<td>nine</table><select><option>no</select>"
    )
    assert page.blocks == ["One two three", "four", "five", "six", "seven", "eight", "nine"]


def test_end_tags_that_are_left_out_do_not_nest_things() -> None:
    page = read(
        "<form action=/f><table><tr><td>Email<td><input name=e><tr><td>Password<td><input name=p "
        "type=password></table></form><p>One<p>Two<div>Three</div>"
    )
    names = {field.name: field.label for field in page.forms[0].fields}
    assert names == {"e": "Email", "p": "Password"}
    assert page.blocks[-3:] == ["One", "Two", "Three"]


def test_notices_have_the_tone_of_their_classes() -> None:
    page = read(
        "<div class='alert alert-danger'>No</div><div class='toast toast-success'>Yes</div><output>Fine</output>"
        "<div role=status>Well</div>"
    )
    assert [(notice.text, notice.tone) for notice in page.notices] == [
        ("No", "error"),
        ("Yes", "success"),
        ("Fine", ""),
        ("Well", ""),
    ]


@pytest.mark.parametrize(
    "html",
    [
        "<body onload='document.forms[0].submit()'><form method=post action=/cb><input type=hidden name=id_token "
        "value=x><noscript><button>Continue</button></noscript></form>",
        "<form method=post action=/cb><input type=hidden name=code value=x></form>"
        "<script>window.addEventListener('load',function(){document.forms[0].submit();});</script>",
        "<form name=f method=post action=/cb><input type=hidden name=code value=x><input type=submit "
        "value=Continue></form><script>document.f.submit()</script>",
    ],
)
def test_pages_that_send_themselves_are_known(html: str) -> None:
    [form] = read(html).send_themselves
    assert form.action == "https://app.cloudresearch.com/cb"


TWO_HIDDEN = (
    "<form id=out action=/out><input type=hidden name=t value=x></form>"
    "<form name=back method=post action=/cb><input type=hidden name=code value=x></form>"
)


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        ("document.forms[1].submit()", ["/cb"]),
        ("document.back.submit()", ["/cb"]),
        ("document.getElementById('out').submit()", ["/out"]),
        ("document.querySelector('form').submit()", ["/out", "/cb"]),
        ("(late ? document.forms[0] : document.forms[1]).submit()", ["/out", "/cb"]),
        ("</script><a href=/x>Home</a><script>document.querySelector('form').submit()", []),
    ],
)
def test_of_several_forms_the_script_says_which_it_sends(script: str, sent: list[str]) -> None:
    forms = read(f"{TWO_HIDDEN}<script>{script}</script>").send_themselves
    assert [urllib.parse.urlsplit(form.action).path for form in forms] == sent


def test_ordinary_forms_do_not_send_themselves() -> None:
    html = (
        "<form method=post action=/cb><input type=hidden name=t value=x><label>Email<input "
        "name=e></label></form><script>function go(){document.forms[0].submit()}</script>"
    )
    assert read(html).send_themselves == []


@pytest.mark.parametrize(
    ("html", "target"),
    [
        ("<meta http-equiv=refresh content='0; url=/next'>", "/next"),
        ("<meta http-equiv=Refresh content=\"1;URL='next'\">", "/a/next"),
        ("<meta http-equiv=refresh content=600>", ""),
        ("<meta http-equiv=refresh content='600;url=/next'>", ""),
        ("<script>window.location.href = '/next'</script>", "/next"),
        ('<script>location.replace("/next")</script>', "/next"),
        ("<a href=/x>x</a><script>function f(){location='/next'}</script>", ""),
    ],
)
def test_pages_that_move_on_by_themselves(html: str, target: str) -> None:
    assert read(html).moves_to == ("https://app.cloudresearch.com" + target if target else "")


def test_of_several_refreshes_the_first_one_counts() -> None:
    html = "".join(f"<meta http-equiv=refresh content='0; url={path}'>" for path in ("/first", "/second"))
    assert read(html).moves_to.endswith("/first")


def test_a_form_sends_what_a_browser_would() -> None:
    page = read(
        """<form method=post action=x><input type=hidden name=__RequestVerificationToken value="a+b/c="><input
        name=e value=old><input name=empty>
        <input type=checkbox name=c1 value=v1 checked><input type=checkbox name=c2><input type=checkbox name=c3
        value=v3><input type=radio name=r value=1><input type=radio name=r value=2 checked>
        <select name=s><option value=a>A<option selected>B</select><textarea name=t>\nx</textarea><input
        type=file name=f><input name=off disabled value=1><fieldset disabled><input name=off2></fieldset>
        <input value=nameless><input type=reset name=rs><button name=b1 value=1>One</button><button name=b2
        value=2>Two</button></form><input name=outside form=zz>"""
    )
    form = page.forms[0]
    fields = {field.name: field for field in form.fields}
    sent = successful_controls(form, {fields["e"].ref: "new"}, form.buttons[1], check=[fields["c3"].ref])
    assert sent == [
        ("__RequestVerificationToken", "a+b/c="), ("e", "new"), ("empty", ""), ("c1", "v1"), ("c3", "v3"), ("r", "2"),
        ("s", "B"), ("t", "x"), ("f", ""), ("b2", "2"),
    ]  # fmt: skip


def test_an_image_sends_where_it_was_pressed() -> None:
    form = read("<form><input type=image name=go src=x alt=Go></form>").forms[0]
    assert successful_controls(form, {}, form.buttons[0]) == [("go.x", "1"), ("go.y", "1")]


def test_fields_and_buttons_elsewhere_belong_to_the_form_they_name() -> None:
    page = read(
        "<form id=f method=post></form><label>Email<input name=e form=f></label><button form=f "
        "formaction=/other>Go</button>"
    )
    assert [field.name for field in page.forms[0].fields] == ["e"]
    assert page.forms[0].buttons[0].action == "https://app.cloudresearch.com/other"


@pytest.mark.parametrize(
    ("script", "posted"),
    [
        ("__doPostBack('ctl00$Go','x')", {"__EVENTTARGET": "ctl00$Go", "__EVENTARGUMENT": "x"}),
        ("document.forms[0].submit(); return false", {}),
        ("this.closest('form').requestSubmit()", {}),
        ("login()", None),
        ("", None),
    ],
)
def test_scripts_that_only_send_the_form_are_understood(script: str, posted: dict[str, str] | None) -> None:
    assert post_back(script) == posted


def test_addresses_in_messages_hold_nothing_secret() -> None:
    assert bare_address("https://[::1]:8443/a?b=c#d") == "https://[::1]:8443/a"
    assert "p@" not in bare_address("https://u:p@[::1]:8443/a?b=c#d")
    assert bare_address("https://x.example/log;jsessionid=8F3A/in;v=1?b#c") == "https://x.example/log/in"
    assert read("").place == "https://app.cloudresearch.com/a/b"


def test_descriptions_show_names_and_no_values() -> None:
    page = read(
        "<form><label>Secret<input name=s value=hunter2></label><button>Save</button></form><a href=/x?t=1>More</a>"
    )
    assert describe(page) == ['field "Secret"', 'button "Save"', 'link "More"']


SECRETS = ["hunter2hunter2", "s3cret+secret/secret", "JBSWY3DPEHPK3PXP"]


def test_snapshots_hold_structure_and_words_but_nothing_secret(tmp_path: pathlib.Path) -> None:
    html = """<title>Link</title><!-- token=abc --><script>var token="hunter2hunter2"</script>
        <style>.a{}</style><form action="/x?code=abc#f" method=post>
      <input type=hidden name=__RequestVerificationToken value="CfDJ8abc"><label for=e>Email</label><input id=e
        name=e value="pi@uni.example"><textarea>s3cret+secret/secret</textarea>
      <input type=submit value=Submit data-token=xyz></form><p>Hello pi@uni.example, hunter2hunter2 and
        eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.x, key AKIAIOSFODNN7LABWXYZ</p><a href="javascript:f('abc')">x</a>"""
    clean = blotted_page(html, SECRETS)
    for gone in (*SECRETS, "CfDJ8abc", "pi@uni.example", "eyJhb", "code=abc", "xyz", "token=abc", "f('abc')"):
        assert gone not in clean, gone
    for kept in (
        "<title>Link</title>",
        'type="submit"',
        "Submit",
        "__RequestVerificationToken",
        "Email",
        "/x?",
        "AKIAIOSFODNN7LABWXYZ",
        BLOT,
    ):
        assert kept in clean, kept
    snapshots = Snapshots(tmp_path / "pages", "pi", SECRETS)
    snapshots.keep(read_page(html, "https://app.cloudresearch.com/x?y=hunter2hunter2"), html)
    (path,) = (tmp_path / "pages").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "hunter2" not in path.read_text()
    assert snapshots.paths == [str(path)]
