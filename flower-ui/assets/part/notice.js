// What is said when there is nothing to show, or something went wrong.
//
// Kept true here: it says why, and what to do.

import { h } from '../core/dom.js';
import { condition, now } from '../core/live.js';
import { effect, signal, untracked } from '../core/signal.js';
import { duration, moment, time } from '../core/format.js';
import { icon } from './icon.js';

/** Nothing here, why, and what to do about it. */
export const empty = (title, why, ...actions) => h('div', { class: 'empty' }, h('strong', title), h('p', why), actions.length ? h('div', { class: 'line' }, actions) : null);

/** A sentence in a box: `level` is `bad`, `warn`, `good` or `info`. */
export const notice = (level, ...words) =>
  h('div', { class: `notice ${level}`, role: level === 'bad' ? 'alert' : 'status' }, icon({ bad: 'errors', warn: 'errors', good: 'success' }[level] ?? 'info'), h('div', { class: 'words' }, words));

/** A failed call: cause, what to do, the number by which the log knows it, and again. */
export const trouble = (problem, again, at = 0) =>
  notice(
    problem.status === 0 || problem.status >= 500 ? 'bad' : 'warn',
    h('p', { class: 'strong' }, problem.title ?? 'Something went wrong'),
    problem.detail && problem.detail !== problem.title ? h('p', problem.detail) : null,
    problem.fix ? h('p', problem.fix) : null,
    at ? h('p', { class: 'small' }, `What is shown is from ${time(at)}.`) : null,
    h('div', { class: 'line small' }, again ? h('button', { onclick: again }, 'Try again') : null, problem.request ? h('span', 'Request ', h('code', problem.request)) : null),
  );

/** How old a number is; silent while it is live. */
export const age = (at, limit = 15) => () => {
  const since = typeof at === 'function' ? at() : at;
  if (!since) return null;
  const passed = Math.max(0, now() - since);
  if (passed < limit && condition() !== 'lost') return null;
  return h('span', { class: passed > 60 ? 'age old' : 'age', title: moment(since) }, `as of ${time(since)}, ${duration(Math.round(passed))} ago`);
};

/** A resource's data, or why there is none: `draw(data)` is called with a signal that has data. */
export const shown = (source, draw, waiting = 'Loading …') => {
  const has = signal(false);
  effect(() => has.set(source.data() !== null));
  return [
    () => {
      const problem = source.problem();
      return problem ? trouble(problem, source.again, source.data.peek() ? source.at.peek() : 0) : null;
    },
    () => {
      if (has()) return untracked(() => draw(source.data));
      return source.problem() || source.loading?.() === false ? null : h('p', { class: 'empty', role: 'status' }, waiting);
    },
  ];
};
