'use strict';
document.addEventListener('click', (event) => {
  const opener = event.target.closest('.js-menu');
  if (opener) {
    const list = document.getElementById(opener.getAttribute('aria-controls'));
    list.hidden = !list.hidden;
    opener.setAttribute('aria-expanded', String(!list.hidden));
  }
  const sender = event.target.closest('a.js-submit');
  if (sender) {
    event.preventDefault();
    const form = sender.closest('form');
    if (sender.dataset.action) form.action = sender.dataset.action;
    form.requestSubmit();
  }
  if (event.target.matches('.alert .close')) {
    event.preventDefault();
    event.target.parentElement.remove();
  }
});
for (const source of document.querySelectorAll('script.js-toast')) {
  const notice = JSON.parse(source.textContent);
  setTimeout(() => {
    const toast = document.createElement('div');
    toast.className = 'toast';
    toast.setAttribute('role', 'status');
    const title = document.createElement('strong');
    title.textContent = notice.title;
    toast.append(title, ' ', notice.text);
    document.body.append(toast);
    setTimeout(() => toast.remove(), 8000);
  }, Number(source.dataset.delay));
}
