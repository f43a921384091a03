# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the link page and its form, as sites may draw them."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Link, Seen
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import Finder
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

ADDRESS = "https://app.cloudresearch.com/Dashboard"
FINDER = Finder(Wording())


def everywhere(_address: str) -> bool:
    return True


def own(address: str) -> bool:
    return address.startswith("https://app.cloudresearch.com/")


WAYS = {
    "open menu": "<ul><li><a href=/link>Link Mechanical Turk</a></ul>",
    "bootstrap menu": """<div class=dropdown><a class="dropdown-toggle" href="#" data-bs-toggle=dropdown
        aria-label="User menu"><i class="fa fa-user" aria-hidden=true></i></a>
        <ul class="dropdown-menu"><li><a class=dropdown-item href="/link">Link Mechanical Turk</a></li><li><a
        href=/out>Log off</a></li></ul></div>""",
    "closed by an attribute": """<button aria-haspopup=menu aria-controls=m aria-expanded=false>JD</button><div
        id=m hidden
        role=menu><a role=menuitem href=/link>Link Mechanical&nbsp;Turk</a></div>""",
    "hidden from readers until open": """<button id=b aria-expanded=false>Me</button><div class="menu"
        role=menu aria-labelledby=b
        aria-hidden=true style="display:none"><a href=/link>Link Mechanical Turk</a></div>""",
    "details": "<details><summary><img alt='User' src=u.png></summary><nav><a href=/link>Link your Mechanical "
               "Turk account</a></nav></details>",
    "by hovering": "<style>.s{display:none} li:hover .s{display:block}</style><ul><li><span>Jane</span><ul "
                   "class=s><li><a href=/link>Link Mechanical Turk</a></ul></li></ul>",
    "by a tick box": "<style>#t{opacity:0}.m{display:none}#t:checked~.m{display:block}</style><input "
                     "type=checkbox id=t><label for=t>☰</label><div class=m><a href=/link>Link MTurk Account</a>"
                     "</div>",
    "icon with a name": "<a href=/link aria-label='Link Mechanical Turk'><svg><path d=''/></svg></a>",
    "icon with a title": "<a href=/link title='Link Mechanical Turk'><i class=icon></i></a>",
    "picture": "<a href=/link><img src=x alt='Link Mechanical Turk'></a>",
    "twice the same": "<nav><a href=/link>Link Mechanical Turk</a></nav><footer><a href='/link#form'>Link "
                      "Mechanical Turk</a></footer>",
    "other words": "<a href=/x>Mechanical Turk studies</a><a href=/link>Connect MTurk</a>",
    "noun": "<a href=/link>MTurk linking</a><a href=/x>Create a study</a>",
    "among many": """<a href=/a>Mechanical Turk Toolkit</a><a href=/b>How to link Mechanical Turk</a><a
        href=/link>Link Mechanical Turk</a><a href=/c>Unlink Mechanical Turk</a>
        <a href=/d>Link Mechanical Turk Sandbox</a><a href="https://evil.example/link">Link Mechanical Turk</a>
        <a href=/e>Link Prolific</a>""",
    "traps": """<div hidden><a href=/trap>Link Mechanical Turk</a></div><div
        style="position:absolute;left:-5000px"><a href=/trap2>Link Mechanical Turk</a></div>
        <template><a href=/trap3>Link Mechanical Turk</a></template><script>var s='<a href=/trap4>Link
        Mechanical Turk</a>'</script><a href=/link>Link Mechanical Turk</a>""",
    "absolute with base": "<base href='https://app.cloudresearch.com/sub/'><a href='../link'>LINK  MECHANICAL "
                          "TURK »</a>",
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_way_is_found(name: str) -> None:
    way = FINDER.way_to_link_page(read_page(WAYS[name], ADDRESS), own)
    assert isinstance(way, Link)
    assert way.address.split("#")[0] == "https://app.cloudresearch.com/link"


def test_way_can_be_a_button_that_is_a_form() -> None:
    html = (
        "<form action=/link><button>Link Mechanical Turk</button></form><form method=post action=/out>"
        "<button>Log off</button></form>"
    )
    way = FINDER.way_to_link_page(read_page(html, ADDRESS), own)
    assert way is not None
    assert way.label == "Link Mechanical Turk"


NO_WAYS = {
    "only what is hidden": "<div hidden><a href=/trap>Link Mechanical Turk</a></div><a href=/a>Dashboard</a>",
    "only other things of the kind": "<a href=/a>Mechanical Turk studies</a><a href=/b>Unlink Mechanical "
    "Turk</a><a href=/c>Help: how to link Mechanical Turk</a><a href=/d>Link "
    "Prolific</a>",
    "only another site's": "<a href='https://help.example/'>Link Mechanical Turk</a>",
}


@pytest.mark.parametrize("name", NO_WAYS)
def test_no_way_is_made_up(name: str) -> None:
    assert FINDER.way_to_link_page(read_page(NO_WAYS[name], ADDRESS), own) is None


def test_two_ways_are_an_error_that_lists_them() -> None:
    with pytest.raises(PageChanged) as caught:
        FINDER.way_to_link_page(
            read_page("<a href=/old>Link Mechanical Turk</a><a href=/new>Link Mechanical Turk</a>", ADDRESS), everywhere
        )
    assert caught.value.details["page_changed"]["setting"] == "link_page"
    assert "/old" in str(caught.value)
    assert "/new" in str(caught.value)


# Each: names of (id, secret, button text), HTML.
FORMS = {
    "plain": (
        ("AccessKeyId", "Secret", "Submit"),
        """<h1>Link Mechanical Turk</h1><form method=post><input type=hidden name=__RequestVerificationToken
        value=t><label for=a>Access Key ID</label><input id=a name=AccessKeyId>
        <label for=b>Secret Access Key</label><input id=b name=Secret><button>Submit</button></form>""",
    ),
    "help inside of labels": (
        ("a", "b", "Submit"),
        """<form method=post><label>Access Key ID <small>(20 characters, not your Secret Access Key)</small>
        <input name=a></label>
        <label>Secret Access Key <small>belongs to the Access Key ID above</small><input name=b
        type=password></label><button>Submit</button></form>""",
    ),
    "table rows": (
        ("a", "b", "Submit"),
        """<form method=post><table><tr><td>AWS Access&nbsp;Key&nbsp;ID:</td><td><input name=a></td></tr><tr>
        <td>AWS Secret Access Key:</td><td><input name=b></td></tr>
        <tr><td></td><td><input type=submit value=Submit></td></tr></table></form>""",
    ),
    "column heads": (
        ("a", "b", "Save"),
        """<form method=post><table><thead><tr><th>Service</th><th>Access key ID</th><th>Secret access key</th>
        <th></th></tr></thead>
        <tr><td>Mechanical Turk</td><td><input name=a></td><td><input name=b></td><td>
        <button>Save</button></td></tr></table></form>""",
    ),
    "legend and short labels": (
        ("a", "b", "Link account"),
        """<form method=post><fieldset><legend>Access key</legend><label>ID<input name=a></label><label>Secret
        <input name=b type=password></label></fieldset><button>Link account</button></form>""",
    ),
    "labelled by several": (
        ("a", "b", "Submit"),
        """<h3 id=h>MTurk</h3><form method=post><span id=x>Access Key ID</span><input name=a
        aria-labelledby="h x"><span id=y>Secret Access Key</span><input name=b aria-labelledby="h y">
        <button>Submit</button></form>""",
    ),
    "one word each, camel case": (
        ("a", "b", "Submit"),
        """<form method=post><input name=a placeholder=AccessKeyID><input name=b placeholder=SecretAccessKey
        type=password><button>Submit</button></form>""",
    ),
    "secret key and access key": (
        ("a", "b", "Update"),
        """<form method=post><div><span>Access key</span><input name=a></div><div><span>Secret key</span>
        <input name=b></div><button type=button>Test connection</button><button>Update</button></form>""",
    ),
    "other forms around": (
        ("a", "b", "Submit"),
        """<form action=/search><input name=q placeholder=Search><button>Search</button></form><h2>Profile</h2>
        <form method=post action=/p><label>Name<input name=n></label><button>Save</button></form>
        <h2>Amazon S3 export</h2><form method=post action=/s3><label>Access Key ID<input name=s1></label>
        <label>Secret Access Key<input name=s2></label><button>Submit</button></form>
        <h2>Link Mechanical Turk</h2><form method=post action=/link><label>Access Key ID<input name=a></label>
        <label>Secret Access Key<input name=b></label><button>Submit</button></form>""",
    ),
    "sandbox beside it": (
        ("a", "b", "Submit"),
        """<h2>Link Mechanical Turk Sandbox</h2><form method=post><label>Access Key ID<input name=s1></label>
        <label>Secret Access Key<input name=s2></label><button>Submit</button></form>
        <h2>Link Mechanical Turk</h2><form method=post><label>Access Key ID<input name=a></label><label>Secret
        Access Key<input name=b></label><button>Submit</button></form>""",
    ),
    "removal in the same form": (
        ("a", "b", "Submit"),
        """<form method=post><label>Access Key ID<input name=a></label><label>Secret Access Key<input
        name=b></label><button name=do value=remove>Remove key</button><button name=do
        value=save>Submit</button><button name=do value=cancel>Cancel</button></form>""",
    ),
    "traps": (
        ("a", "b", "Submit"),
        """<form method=post><div style="display:none"><label>Access Key ID<input name=t1></label></div><div
        style="height:0;overflow:hidden"><label>Secret Access Key<input name=t2></label></div>
        <label>Access Key ID<input name=a></label><label>Secret Access Key<input name=b></label><button
        style="display:none">Submit all</button><button>Submit</button></form>""",
    ),
    "no button": (("a", "b", None), "<form method=post><label>Access Key ID<input name=a></label><label>Secret "
                                    "Access Key<input name=b></label></form>"),
    "without a form element": (
        ("", "", "Submit"),
        """<div class=card><h3>Link Mechanical Turk</h3><div><label for=a>Access Key ID</label><div><input
        id=a></div></div><div><label for=b>Secret Access Key</label><div><input id=b></div></div><div>
        <button>Submit</button></div></div>
        <div class=card><label>Name<input></label><button>Save</button></div>""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_form_is_found(name: str) -> None:
    (access_key_id, secret, button), html = FORMS[name]
    found = FINDER.link_form(read_page(html, ADDRESS), expected=True)
    assert found is not None
    assert (found.access_key_id.name, found.secret_access_key.name) == (access_key_id, secret)
    assert (found.button.label if found.button else None) == button


def test_form_in_a_closed_part_of_the_page_is_reachable() -> None:
    html = """<a href="#new" data-toggle=collapse>Replace key</a><div id=new class=collapse><form method=post>
        <label>Access Key ID<input name=a></label>
        <label>Secret Access Key<input name=b></label><button>Submit</button></form></div>"""
    found = FINDER.link_form(read_page(html, ADDRESS), expected=True)
    assert found is not None
    assert found.access_key_id.seen is Seen.REACHABLE


def test_two_forms_alike_are_an_error_that_lists_them() -> None:
    form = (
        "<form method=post><label>Access Key ID<input name=a></label><label>Secret Access Key<input "
        "name=b></label><button>Submit</button></form>"
    )
    with pytest.raises(PageChanged) as caught:
        FINDER.link_form(read_page(form + form, ADDRESS), expected=True)
    assert caught.value.ambiguous


def test_two_fields_alike_are_an_error_that_lists_them() -> None:
    html = (
        "<form method=post><label>Access Key ID<input name=a></label><label>Access Key ID<input "
        "name=c></label><label>Secret Access Key<input name=b></label><button>Submit</button></form>"
    )
    with pytest.raises(PageChanged) as caught:
        FINDER.link_form(read_page(html, ADDRESS), expected=True)
    assert caught.value.details["page_changed"]["setting"] == "access_key_id_field"


def test_a_form_for_keys_elsewhere_is_not_taken_for_the_link_page() -> None:
    html = (
        "<h1>Amazon S3 export</h1><form method=post><label>Access Key ID<input name=a></label><label>Secret "
        "Access Key<input name=b></label><button>Submit</button></form>"
    )
    assert FINDER.link_form(read_page(html, ADDRESS), expected=False) is None
