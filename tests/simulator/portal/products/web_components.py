# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An app of web components: the menu, the form and its fields are custom elements with shadow roots of their own."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "web components: menu, form, labelled fields and buttons in nested open shadow roots, slots for the labels"

ELEMENTS = """<script>
class XField extends HTMLElement { connectedCallback() { const root = this.attachShadow({ mode: 'open' });
  root.innerHTML = '<label><slot></slot> <input type="' + (this.getAttribute('type') || 'text') + '"></label>'; }
  get value() { return this.shadowRoot.querySelector('input').value; } }
class XButton extends HTMLElement { connectedCallback() {
  this.attachShadow({ mode: 'open' }).innerHTML = '<button type="button"><slot></slot></button>'; } }
class XMenu extends HTMLElement { connectedCallback() { const root = this.attachShadow({ mode: 'open' });
  root.innerHTML = '<button aria-label="User menu" aria-haspopup="true">&#9786;</button>' +
    '<div hidden><slot></slot></div>';
  const list = root.querySelector('div');
  root.querySelector('button').onclick = () => { list.hidden = !list.hidden; }; } }
class KeyForm extends HTMLElement { async connectedCallback() { this.attachShadow({ mode: 'open' });
  this.draw(await me(), ''); }
  draw(known, said) { const root = this.shadowRoot;
    root.innerHTML = '<p role="alert">' + (SAYS[said] || '') + '</p><p>' +
    (known.linked ? 'Linked access key: ' + known.linked : 'No key is linked.') + '</p><x-field id="i">Access Key ID' +
    '</x-field><x-field id="s" type="password">Secret Access Key</x-field><x-button id="go">Submit</x-button>' +
    (known.linked ? '<x-button id="no">Unlink</x-button>' : '');
    root.getElementById('go').onclick = async () => { const answer = await post('/api/key', {
      access_key_id: root.getElementById('i').value, secret_access_key: root.getElementById('s').value });
      this.draw(answer, answer.result); };
    const no = root.getElementById('no');
    const forget = async () => { const answer = await post('/api/unlink'); this.draw(answer, answer.result); };
    if (no) no.onclick = forget; } }
customElements.define('x-field', XField); customElements.define('x-button', XButton);
customElements.define('x-menu', XMenu); customElements.define('key-form', KeyForm);
</script>"""
MENU = '<x-menu><a href="/link">Link Mechanical Turk</a> <a href="/signout">Sign out</a></x-menu>'


def answer(call: Call) -> Response | None:
    """A plain sign-in, then components."""
    match call.at:
        case "app", "GET", "/dashboard" if call.session:
            return call.page(f"{pieces.CLIENT}{ELEMENTS}{MENU}<h1>Projects</h1>", title="Projects")
        case "app", "GET", "/link" if call.session:
            body = f"{pieces.CLIENT}{ELEMENTS}{MENU}<h1>Link Mechanical Turk</h1><key-form></key-form>"
            return call.page(body, title="Link Mechanical Turk")
    return pieces.api(call) or pieces.sign_in(call)
