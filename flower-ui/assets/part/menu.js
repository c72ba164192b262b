// Actions behind one button.
//
// Kept true here: arrow keys move, Escape closes and gives the focus back; an action that somebody may not do is
// not there.

import { h } from '../core/dom.js';
import { icon } from './icon.js';

let shownMenu = null;

const close = () => {
  if (!shownMenu) return;
  const { list, button } = shownMenu;
  shownMenu = null;
  list.remove();
  button.setAttribute('aria-expanded', 'false');
};

addEventListener('pointerdown', (event) => shownMenu && !shownMenu.list.contains(event.target) && !shownMenu.button.contains(event.target) && close(), true);
addEventListener('resize', close);
addEventListener('scroll', close, true);

const show = (button, actions) => {
  const pick = (act) => () => {
    const { button: from } = shownMenu ?? {};
    close();
    from?.focus();
    act?.();
  };
  const entry = (action) =>
    action.href
      ? h('a', { role: 'menuitem', tabindex: '-1', href: action.href, onclick: close }, action.text)
      : h('button', { role: 'menuitem', tabindex: '-1', class: action.danger ? 'danger' : '', onclick: pick(action.act) }, action.text);
  const list = h('div', { class: 'menu-list', role: 'menu', 'aria-label': button.getAttribute('aria-label') ?? 'Actions' }, actions.map(entry));
  list.addEventListener('keydown', (event) => {
    const entries = [...list.children];
    const place = entries.indexOf(document.activeElement);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (next !== undefined) entries[(next + entries.length) % entries.length].focus();
    else if (event.key === 'Escape' || event.key === 'Tab') {
      close();
      button.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.body.append(list);
  const [at, size] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
  const below = at.bottom + size.height + 8 < innerHeight;
  list.style.setProperty('top', `${below ? at.bottom + 4 : Math.max(8, at.top - size.height - 4)}px`);
  list.style.setProperty('left', `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`);
  button.setAttribute('aria-expanded', 'true');
  shownMenu = { list, button };
  list.firstElementChild?.focus();
};

/** A button that opens `actions()`: `{text, act | href, danger}`, falsy ones left out. */
export const menu = (label, actions) => {
  const button = h(
    'button',
    {
      class: 'plain icon', type: 'button', 'aria-label': label, 'aria-haspopup': 'menu', 'aria-expanded': 'false',
      onclick: (event) => {
        event.stopPropagation();
        if (shownMenu?.button === button) return close();
        close();
        const list = actions().filter(Boolean);
        show(button, list.length ? list : [{ text: 'Nothing you may do here' }]);
      },
    },
    icon('more'),
  );
  return button;
};
