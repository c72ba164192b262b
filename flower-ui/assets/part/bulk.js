// What is done to many tasks.

import { may } from '../core/api.js';
import { h } from '../core/dom.js';
import { signal } from '../core/signal.js';
import { many } from '../core/format.js';
import { begin } from './job.js';

const ACTIONS = [
  { action: 'retry', text: 'Retry', permission: 'task.retry', said: 'will be sent again.' },
  { action: 'revoke', text: 'Revoke', permission: 'task.revoke', said: 'will be revoked.', danger: true },
  { action: 'terminate', text: 'Terminate', permission: 'task.terminate', said: 'will be stopped.', danger: true },
  { action: 'forget', text: 'Delete results', permission: 'task.delete', said: 'will lose what the result backend keeps of them.', danger: true },
];

const start = ({ action, text, said, danger = false }, what, done) => begin({ title: `${text} many tasks`, what: () => ({ action, ...what }), verb: text, said, danger, done });

/** Does `action` to what `what` says, `{query}` or `{targets}`, once it was counted and confirmed. */
export const toMany = (action, what, done) => start(ACTIONS.find((entry) => entry.action === action), what, done);

/** The bar of what may be done to the tasks that are chosen, or to all that match. */
export const bulk = ({ chosen, text, matched, done }) => {
  const all = signal(false);
  const what = () => (all.peek() ? { query: text.peek() } : { targets: [...chosen.peek()] });
  return h(
    'div', { class: 'bulk', role: 'toolbar', 'aria-label': 'What is chosen' },
    h('strong', () => (all() ? `All ${matched() ?? 'that match'}` : many(chosen().size, 'task'))),
    h('button', { type: 'button', class: 'link', onclick: () => all.update((was) => !was) }, () => (all() ? 'Only those chosen' : `Choose all ${matched() ?? ''}`)),
    ACTIONS.filter((entry) => may(entry.permission)).map((entry) => h('button', { type: 'button', class: entry.danger ? 'danger' : '', onclick: () => start(entry, what(), done) }, `${entry.text} …`)),
    h('button', { type: 'button', class: 'plain', onclick: () => chosen.set(new Set()) }, 'Choose none'),
  );
};
