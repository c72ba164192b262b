// What workers answered: who obeyed, who refused and why, who said nothing.

import { h } from '../core/dom.js';
import { icon } from './icon.js';
import { show } from './dialog.js';
import { say } from './toast.js';

/** The answers, as a list. */
export const replyList = ({ replies: list = [], silent = [] }) =>
  h(
    'ul', { class: 'stack-tight' },
    list.map(({ worker, ok, text }) => h('li', h('span', { class: `chip ${ok ? 's-success' : 's-failure'}` }, icon(ok ? 'success' : 'failure'), worker), h('span', { class: 'muted' }, ` ${text ?? (ok ? 'done' : 'refused')}`))),
    silent.map((worker) => h('li', h('span', { class: 'chip s-retry' }, icon('lost'), worker), h('span', { class: 'muted' }, ' did not answer'))),
  );

/** Says that all obeyed, or shows who did not. */
export const replies = (title, answer) => {
  const list = answer?.replies ?? [];
  const silent = answer?.silent ?? [];
  if (!list.length && !silent.length) return;
  if (!silent.length && list.every(({ ok }) => ok)) say(list.length === 1 ? `${list[0].worker}: ${list[0].text ?? 'done'}` : `${list.length} workers obeyed`);
  else show(title, () => replyList(answer));
};
