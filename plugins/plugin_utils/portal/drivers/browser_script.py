# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts that the browser driver runs in a page: one writes the live tree down, with what only a browser knows.

The marks are the constants C(*_MARK) of the package C(portal.page). The page itself is not changed. An element is
marked hidden only for a cause of its own; what is inside it inherits that when it is read.
"""

from __future__ import annotations

READ_TREE = r"""
([mostElements, deepest, mostCharacters]) => {
  const refs = [], numbers = new Map(), out = [];
  const VOID = new Set(['area','base','br','col','embed','hr','img','input','link','meta','source','track','wbr']);
  const SKIP = new Set(['script','style','template','noscript','link','head','object','canvas','video','audio']);
  const PRESSED = new Set(
    ['div', 'span', 'li', 'img', 'svg', 'i', 'p', 'section', 'article', 'figure', 'td', 'h2', 'h3', 'h4']);
  const ref = el => {
    if (!numbers.has(el)) { numbers.set(el, refs.length); refs.push(el); }
    return numbers.get(el);
  };
  const text = value => String(value).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const quoted = value => text(value).replace(/"/g, '&quot;');
  const attribute = (name, value) => out.push(' ', name, '="', quoted(value), '"');
  const clipped = style =>
    (/^rect\(([01](px)?[,\s]*){4}\)$/.test(style.clip) && style.position === 'absolute') ||
    /^inset\((50|100)%/.test(style.clipPath);
  const seen = (el, inClosed) => {
    const style = getComputedStyle(el);
    if (style.display === 'none' || style.contentVisibility === 'hidden') return 'hidden';
    const above = el.parentElement ? getComputedStyle(el.parentElement).visibility : 'visible';
    if (style.visibility !== 'visible' && above === 'visible') return 'hidden';
    if (parseFloat(style.opacity) < 0.05 || clipped(style)) return 'offscreen';
    if (inClosed || style.display === 'contents') return '';
    const box = el.getBoundingClientRect();
    const cuts = style.overflowX !== 'visible' || style.overflowY !== 'visible';
    if (cuts && style.display !== 'inline' && (box.width <= 1 || box.height <= 1)) return 'offscreen';
    if (box.width === 0 && box.height === 0) return '';
    const right = box.right + scrollX, bottom = box.bottom + scrollY;
    if (right <= 0 || bottom <= 0 || box.left + scrollX > innerWidth + 3000 || parseFloat(style.fontSize) === 0)
      return 'offscreen';
    return '';
  };
  // What shows a hand under the mouse is there to be pressed, whatever it is made of.
  const points = el =>
    !el.hasAttribute('role') && (PRESSED.has(el.localName) || el.localName.includes('-')) &&
    getComputedStyle(el).cursor === 'pointer' && !el.closest('a, button, label, summary, select, [role]') &&
    !(el.parentElement && getComputedStyle(el.parentElement).cursor === 'pointer') &&
    !el.querySelector('a, button, input');
  const children = el => {
    if (el.localName === 'slot') { const given = el.assignedNodes(); return given.length ? given : el.childNodes; }
    return el.shadowRoot ? el.shadowRoot.childNodes : el.childNodes;
  };
  let tooLarge = '';
  const walk = (node, inClosed, depth = 0) => {
    if (refs.length > mostElements || depth > deepest) tooLarge = 'yes';
    if (tooLarge) return;
    if (node.nodeType === Node.TEXT_NODE) { out.push(text(node.data)); return; }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const name = node.localName;
    if (SKIP.has(name)) return;
    out.push('<', name);
    for (const { name: key, value } of node.attributes)
      // Marks that the page made up say nothing.
      if (!(key === 'value' && node.type === 'password') && /^(?!data-labops-)[\w:.@-]+$/.test(key))
        attribute(key, value);
    attribute('data-labops-ref', ref(node));
    const mark = seen(node, inClosed);
    if (mark) attribute('data-labops-seen', mark);
    if (['input', 'select', 'textarea'].includes(name)) {
      attribute('data-labops-value', node.value);
      if (node.type === 'checkbox' || node.type === 'radio') attribute('data-labops-checked', node.checked ? '1' : '0');
    }
    if (points(node)) { attribute('role', 'button'); attribute('data-labops-plain', ''); }
    if ('form' in node && node.form && name !== 'label') attribute('data-labops-form', ref(node.form));
    out.push('>');
    if (VOID.has(name)) return;
    const closed = name === 'details' && !node.open;
    const summary = closed ? [...node.children].find(child => child.localName === 'summary') : null;
    if (name !== 'textarea' && name !== 'iframe')
      for (const child of children(node)) walk(child, inClosed || (closed && child !== summary), depth + 1);
    out.push('</', name, '>');
  };
  out.push('<html><head><title>', text(document.title), '</title><base href="', quoted(document.baseURI), '">');
  for (const meta of document.querySelectorAll('meta[http-equiv="refresh" i]'))
    { out.push('<meta http-equiv="refresh"'); attribute('content', meta.content); out.push('>'); }
  out.push('</head>');
  if (document.body) walk(document.body, false);
  out.push('</html>');
  // Whatever a page has made of its own functions, no more than this leaves it.
  const html = tooLarge ? '' : out.join('');
  if (typeof html !== 'string' || html.length > mostCharacters) return { html: '', refs, tooLarge: 'yes' };
  return { html, refs, tooLarge };
}
"""

# Sets a value as typing would, where the driver's own way is barred (something lies over the field).
SET_VALUE = r"""
(el, value) => {
  const kind = el instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(el, value);
  el.dispatchEvent(new Event('input', { bubbles: true }));
  el.dispatchEvent(new Event('change', { bubbles: true }));
}
"""

# What an element and its like have in common; frameworks make up new ids and classes whenever they draw.
LOOKS = r"""
el => [el.localName, el.textContent, ...['type', 'name', 'href', 'role', 'title', 'placeholder', 'aria-label'].map(
  name => el.getAttribute(name))].join('\n')
"""

# Tells whether the page does something within so many milliseconds of its own time: its tree changes, or an animation
# that ends is running. Timers fire in the order of their times, so what the page had planned for an earlier moment has
# been done when this one fires, however busy the machine is.
IS_ACTIVE = r"""
patience => new Promise(resolve => {
  const moving = () => document.getAnimations().some(
    animation => animation.playState === 'running' && Number.isFinite(animation.effect.getComputedTiming().endTime));
  const done = active => { observer.disconnect(); clearTimeout(timer); resolve(active || moving()); };
  const observer = new MutationObserver(() => done(true));
  const timer = setTimeout(() => done(false), patience);
  const observe = root => {
    observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) observe(element.shadowRoot);
  };
  observe(document);
})
"""

# Takes WebRTC out of every document before its own scripts run: its packets would go around the gate. No portal needs
# it, and the launch arguments that keep it in have changed their names before.
WITHOUT_CALLS = "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection']) delete globalThis[name]"

# Whether an element is still in the page.
IS_CONNECTED = "element => element.isConnected"
