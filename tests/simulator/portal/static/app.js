'use strict';
// The rendering that a script draws: `#root[data-mode=app]` is the whole site, `[data-mode=island]` the link page only.
const root = document.getElementById('root');
const island = root.dataset.mode === 'island';
let site;
// Counts changes of page, so that what was asked for an earlier page is not drawn over a later one.
let turn = 0;

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

async function call(path, values) {
  const options = values === undefined ? {} : {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', RequestVerificationToken: site.token },
    body: JSON.stringify(values),
  };
  let answer;
  let content;
  try {
    answer = await fetch(path, { credentials: 'same-origin', redirect: 'error', ...options });
    content = await answer.json();
  } catch (error) {
    draw(failure('network'));
    throw error;
  }
  if (answer.status === 401) {
    if (island) location.reload();
    else { await refresh(); await route(); }
    throw new Error('signed out');
  }
  if (!answer.ok) { draw(failure(content.error, answer.status)); throw new Error(content.error); }
  return content;
}

async function refresh() {
  const answer = await fetch('/api/site', { credentials: 'same-origin' });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) { draw(failure(content.error, answer.status)); throw new Error(content.error); }
  site = content;
}

function failure(kind, status) {
  const headings = { maintenance: 'We\u2019ll be right back', rate_limited: 'Too many requests', captcha: 'Please verify you are a human', survey: 'One quick question', bot_check: 'Just a moment...' };
  const page = [h('h1', {}, headings[kind] || 'Something went wrong')];
  if (kind === 'captcha') page.push(h('div', { class: 'g-recaptcha' }, h('iframe', { title: 'reCAPTCHA', srcdoc: '<p>☐ I\u2019m not a robot</p>' })));
  else page.push(h('p', {}, status ? `The server answered ${status}.` : 'The server could not be reached.'));
  return page;
}

function word(key) { return site.words[key].replace(/\u00a0/g, ' '); }

let counter = 0;
function field(key, type, extra, label) {
  const id = `input-${(counter += 1)}`;
  const input = h('input', { id, type, name: key, ...extra });
  return { key, input, row: h('div', { class: 'form-group' }, h('label', { for: id }, label || word(key)), input) };
}

function formOf(fields, button, send) {
  const pressed = async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(fields.map((f) => [f.key, f.input.type === 'checkbox' ? f.input.checked : f.input.value]));
    await send(values).catch(() => {});
  };
  const presser = button ? h('button', { type: 'submit', class: 'btn', disabled: true }, button) : null;
  const form = h('form', { onsubmit: pressed, novalidate: true }, ...fields.map((f) => f.row), presser);
  // As many sites do: the button can be pressed when every field has something in it.
  form.addEventListener('input', () => { if (presser) presser.disabled = fields.some((f) => !f.input.value); });
  return form;
}

function notice(kind, text, title) {
  return h('div', { class: `alert alert-${kind === 'error' ? 'danger' : 'success'}`, role: 'alert' }, title ? h('strong', {}, title) : null, title ? ' ' : null, text);
}

function say(notices) {
  for (const said of notices) {
    if (said.kind === 'hidden') {
      root.append(h('div', { class: 'alert alert-success d-none' }, `${said.title} ${said.text}`));
    } else if (said.kind === 'success' && !island) {
      setTimeout(() => {
        const toast = h('div', { class: 'toast', role: 'status' }, h('strong', {}, said.title), ` ${said.text}`);
        document.body.append(toast);
        setTimeout(() => toast.remove(), 8000);
      }, site.toastDelay);
    } else {
      root.querySelector('h1').after(notice(said.kind, said.text, said.title));
    }
  }
}

function link(page, text) {
  return h('a', { href: site.paths[page], onclick: (event) => { event.preventDefault(); go(site.paths[page]); } }, text);
}

function menu() {
  const list = h('ul', { hidden: true, id: 'menu' },
    h('li', { class: 'who' }, site.name),
    site.entry ? h('li', {}, link('link', site.entry)) : null,
    h('li', {}, h('button', { type: 'button', class: 'linklike', onclick: async () => { await call('/api/signout', {}); await refresh(); await go('/'); } }, word('sign_out'))));
  const opener = h('button', { type: 'button', 'aria-label': word('user_menu'), 'aria-haspopup': 'true', 'aria-controls': 'menu', onclick: () => { list.hidden = !list.hidden; } }, '☺');
  return h('header', { class: 'top' }, h('span', { class: 'brand' }, word('brand')), h('nav', { class: 'main' }, link('dashboard', word('dashboard'))), h('div', { class: 'user-menu user-menu-script' }, opener, list));
}

// The header stays while pages change below it, so that an opened menu does not shut by itself.
let header = null;
function draw(content) {
  if (!site || !site.signedIn || island) header = null;
  else if (!header || header.site !== site) header = Object.assign(menu(), { site });
  const main = h('main', {}, ...content);
  if (header && header.isConnected) header.nextElementSibling.replaceWith(main);
  else root.replaceChildren(...(header ? [header] : []), main);
  for (const later of [...root.children].slice(header ? 2 : 1)) later.remove();
}

const pages = {
  async signin() {
    if (site.signedIn) return go(site.paths.dashboard);
    const fields = [field('email', 'email', { autocomplete: 'username' }), field('password', 'password', { autocomplete: 'current-password' })];
    const problem = h('div', {});
    draw([h('h1', {}, word('sign_in_heading')), problem, formOf(fields, word('sign_in'), async (values) => {
      const answer = await call('/api/signin', values);
      if (answer.result === 'wrong') problem.replaceChildren(notice('error', answer.text));
      else if (answer.result === 'code') await go(site.paths.second_factor);
      else if (answer.result === 'ok') { await refresh(); await go(wanted || site.paths.dashboard); }
      else await pages[answer.result]();
    })]);
  },
  async locked() { draw([h('h1', {}, word('locked_heading')), h('p', {}, word('locked'))]); },
  async password_expired() {
    const fields = ['Current password', 'New password'].map((label) => h('label', {}, label, h('input', { type: 'password' })));
    draw([h('h1', {}, 'Your password has expired'), h('p', {}, 'You must choose a new password before you can continue.'), h('form', {}, ...fields)]);
  },
  async code_by_email() {
    draw([h('h1', {}, 'Check your email'), h('p', {}, 'We sent a verification code to your e-mail address. Enter it below.'), h('form', {}, h('label', {}, word('code'), h('input', { type: 'text', autocomplete: 'one-time-code' })))]);
  },
  async enrol_second_factor() {
    draw([h('h1', {}, 'Set up two-factor authentication'), h('p', {}, 'Scan this picture with an authenticator app, then enter the code it shows.'), h('form', {}, h('label', {}, word('code'), h('input', { type: 'text', autocomplete: 'one-time-code' })))]);
  },
  async second_factor() {
    const fields = [field('code', 'text', { inputmode: 'numeric', autocomplete: 'one-time-code' })];
    const problem = h('div', {});
    draw([h('h1', {}, word('code_heading')), h('p', {}, word('code_help')), problem, formOf(fields, word('verify'), async (values) => {
      const answer = await call('/api/code', values);
      if (answer.result === 'wrong') problem.replaceChildren(notice('error', answer.text));
      else if (answer.result === 'locked') await pages.locked();
      else { await refresh(); await go(wanted || site.paths.dashboard); }
    })]);
  },
  async dashboard() {
    draw([h('p', {}, 'Loading…')]);
    const mine = turn;
    const account = await call('/api/account');
    if (mine !== turn) return;
    draw([h('h1', {}, word('dashboard')), h('p', {}, `Welcome back, ${account.name}.`), account.linked && account.balance !== null ? h('p', {}, `${word('balance')}: $${account.balance}`) : null]);
  },
  async settings() { draw([h('h1', {}, word('settings'))]); },
  async link(notices) {
    if (!notices) draw([h('p', {}, 'Loading…')]);
    const mine = turn;
    const known = await call('/api/link');
    if (mine !== turn) return;
    const content = [h('h1', {}, word('link_heading')), h('p', {}, word('link_help'))];
    content.push(known.linked ? h('p', {}, ...(known.shownKey ? [`${word('linked_key')}: `, h('code', {}, known.shownKey)] : [word('is_linked')])) : h('p', {}, word('not_linked')));
    if (known.unlink) content.push(h('button', { type: 'button', class: 'btn btn-plain', onclick: async () => { if (!confirm('Unlink Mechanical Turk? Running studies will stop.')) return; const answer = await call('/api/unlink', {}); await pages.link(answer.notices); } }, word('unlink')));
    for (let n = 0; known.form && n < known.forms; n += 1) {
      const fields = [field('access_key_id', 'text', { autocomplete: 'off' }, known.labels[0]), field('secret_access_key', 'password', { autocomplete: 'off' }, known.labels[1])];
      content.push(formOf(fields, known.button ? word('submit') : null, async (values) => {
        const answer = await call('/api/link', values);
        await pages.link(answer.notices);
      }));
    }
    draw(content);
    say(notices || []);
  },
};

let wanted = null;
async function go(path) {
  const list = document.getElementById('menu');
  if (list) list.hidden = true;
  if (path !== location.pathname) history.pushState({}, '', path);
  await route();
}

async function route() {
  turn += 1;
  const name = Object.keys(site.paths).find((page) => site.paths[page] === location.pathname) || 'landing';
  const page = name === 'landing' ? 'dashboard' : name;
  if (!site.signedIn && page !== 'signin' && page !== 'second_factor') {
    wanted = site.paths[page];
    history.replaceState({}, '', site.paths.signin);
    return pages.signin();
  }
  return pages[page]();
}

addEventListener('popstate', () => route());
refresh().then(() => (island ? pages.link() : route())).catch(() => {});
