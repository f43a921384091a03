# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key's form in a modal dialog over the account page, and the answer in it."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "the key's form in a <dialog> that a button opens; the answer stands in it; Unlink asks in a second one"

PAGE = """<header><a href="/dashboard">Projects</a>
<button id="who" type="button" aria-haspopup="menu" aria-expanded="false" aria-label="Account"></button>
<ul id="menu" role="menu" hidden><li><button role="menuitem" id="open" type="button">Link Mechanical Turk</button></li>
<li><a role="menuitem" href="/signout">Sign out</a></li></ul></header><h1>Projects</h1><p>No projects yet.</p>
<dialog id="key" aria-labelledby="title"><h2 id="title">Link Mechanical Turk</h2><div id="said" role="status"></div>
<p id="now"></p><form method="dialog"><label for="i">Access Key ID</label><input id="i">
<label for="s">Secret Access Key</label><input id="s" type="password">
<button type="button" id="cancel">Cancel</button><button type="submit" id="go">Submit</button></form>
<button type="button" id="no">Unlink</button></dialog>
<dialog id="sure"><p>Unlink Mechanical Turk?</p><button type="button" id="keep">Keep it</button>
<button type="button" id="yes">Yes, unlink</button></dialog>
<script>
const of = id => document.getElementById(id);
const draw = known => {
  of('now').textContent = known.linked ? 'Linked access key: ' + known.linked : 'No key is linked.';
  of('no').hidden = !known.linked; of('said').textContent = SAYS[known.result] || ''; };
of('who').onclick = () => { of('menu').hidden = !of('menu').hidden; };
of('open').onclick = async () => { of('menu').hidden = true; draw(await me()); of('key').showModal(); };
of('cancel').onclick = () => of('key').close();
of('key').querySelector('form').onsubmit = async event => { event.preventDefault();
  draw(await post('/api/key', { access_key_id: of('i').value, secret_access_key: of('s').value })); };
of('no').onclick = () => of('sure').showModal();
of('keep').onclick = () => of('sure').close();
of('yes').onclick = async () => { of('sure').close(); draw(await post('/api/unlink')); };
me();
</script>"""


def answer(call: Call) -> Response | None:
    """A plain sign-in, then one page."""
    if call.at == ("app", "GET", "/dashboard") and call.session:
        return call.page(pieces.CLIENT + PAGE, title="Projects")
    return pieces.api(call) or pieces.sign_in(call)
