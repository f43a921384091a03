# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A single-page app as React with a router is built: an empty page, a bundle, client routes, controlled inputs."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "single-page app: client routes, inputs that only an input event fills, buttons disabled until then"

BUNDLE = """
const root = document.getElementById('root');
let state = { email: '', linked: '', code: false, said: '', open: false };
// As React does: the document is drawn anew from the state, and what is typed counts only by its input event.
const e = (tag, props, ...children) => { const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {}))
    if (key.startsWith('on')) el.addEventListener(key.slice(2).toLowerCase(), value);
    else if (value !== false) el.setAttribute(key, value === true ? '' : value);
  el.append(...children.flat().filter(child => child || child === 0)); return el; };
const render = () => root.replaceChildren(e('div', { class: 'css-1dbjc4n' }, ...view()));
const set = next => { state = { ...state, ...next }; render(); };
const navigate = path => { history.pushState({}, '', path); set({ said: '', open: false }); };
addEventListener('popstate', render);
function Form({ fields, button, send }) {
  const values = {}, submit = e('button', { type: 'submit', disabled: true, class: 'MuiButton-root' }, button);
  const input = ([name, label, type], n) => e('div', { class: 'MuiFormControl-root' },
    e('label', { for: ':r' + n + ':' }, label), e('input', { id: ':r' + n + ':', type, oninput: event => {
      values[name] = event.target.value; submit.disabled = fields.some(([key]) => !values[key]); } }));
  return e('form', { onsubmit: event => { event.preventDefault(); send(values); } }, fields.map(input), submit);
}
const alert_ = () => state.said && e('div', { role: 'alert', class: 'MuiAlert-root' }, SAYS[state.said] || state.said);
const Link = (to, text) => e('a', { href: to, onclick: event => { event.preventDefault(); navigate(to); } }, text);
async function login(values) {
  const { result } = await post(state.code ? '/api/code' : '/api/login', values);
  if (result === 'ok') { set({ ...(await me()), code: false, said: '' }); navigate('/projects'); }
  else set({ code: state.code || result === 'code', said: result === 'code' ? '' : result });
}
function view() {
  if (!state.email) return [e('h1', {}, state.code ? 'Enter your authenticator code' : 'Sign in'), alert_(),
    Form({ fields: state.code ? [['code', 'Authenticator code', 'text']] :
      [['email', 'Email', 'email'], ['password', 'Password', 'password']], button: 'Sign in', send: login })];
  const menu = e('header', {}, Link('/projects', 'Projects'),
    e('button', { type: 'button', 'aria-label': 'Account menu', 'aria-haspopup': 'menu',
      onclick: () => set({ open: !state.open }) }, '\u2630'),
    state.open && e('div', { role: 'menu' }, Link('/settings/mturk', 'Link Mechanical Turk'),
      e('button', { onclick: () => {} }, 'Sign out')));
  if (location.pathname !== '/settings/mturk') return [menu, e('h1', {}, 'Projects'), e('p', {}, 'No projects yet.')];
  return [menu, e('h1', {}, 'Link Mechanical Turk'), alert_(),
    e('p', {}, state.linked ? 'Linked access key: ' + state.linked : 'No key is linked.'),
    state.linked && e('button', { type: 'button', onclick: async () => {
      const { result, linked } = await post('/api/unlink'); set({ said: result, linked }); } }, 'Unlink'),
    Form({ fields: [['access_key_id', 'Access Key ID', 'text'], ['secret_access_key', 'Secret Access Key', 'password']],
      button: 'Submit', send: async values => { const { result, linked } = await post('/api/key', values);
        set({ said: result, linked }); } })];
}
me().then(known => set(known));
"""


def answer(call: Call) -> Response | None:
    """The same empty page for every route, and the API."""
    if call.path.startswith("/api/"):
        return pieces.api(call)
    if call.role != "app" or call.method != "GET":
        return None
    empty = '<noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div>'
    return call.page(f"{empty}{pieces.CLIENT}<script>{BUNDLE}</script>", title="Research")
