// Short news in a corner.
//
// Kept true here: never the only copy of an error: what failed is said where it was asked for, too.

import { h } from '../core/dom.js';
import { icon } from './icon.js';

const STAYS = 6000;
const holder = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });

/** Puts the corner on the page. */
export const start = () => document.body.append(holder);

/** Says it; an action with a link is offered beside it. */
export const say = (text, { level = 'good', link = null } = {}) => {
  const close = () => toast.remove();
  const toast = h(
    'div', { class: `notice ${level}` },
    icon(level === 'bad' ? 'errors' : 'success'),
    h('div', { class: 'words' }, text, link ? [' ', h('a', { href: link.href, onclick: close }, link.text)] : null),
    h('button', { class: 'plain icon', 'aria-label': 'Close', onclick: close }, icon('close')),
  );
  holder.append(toast);
  while (holder.childElementCount > 4) holder.firstChild.remove();
  const stays = () => setTimeout(() => (toast.matches(':hover, :focus-within') ? stays() : close()), STAYS);
  stays();
};
