// Each time that a task was tried: how long it waited, was held by the worker, and ran.

import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { cut, duration, moment } from '../core/format.js';
import { chip, isOver } from './state.js';

const PARTS = { backoff: 'backoff', wait: 'waiting', prefetch: 'held by the worker', run: 'running' };

const spans = (attempt) => {
  const { state, started, wait, prefetch, run, backoff } = attempt;
  const ran = run ?? (started && !isOver(state) && state !== 'RETRY' ? Math.max(0, now() - started) : null);
  const held = prefetch ?? (attempt.received && started ? Math.max(0, started - attempt.received) : null);
  return [['backoff', backoff], ['wait', wait], ['prefetch', held], ['run', ran]].filter(([, seconds]) => seconds !== null && seconds !== undefined && seconds >= 0);
};

const segment = (attempt) => ([name, seconds]) => {
  const failed = name === 'run' && ['FAILURE', 'RETRY', 'REVOKED', 'REJECTED'].includes(attempt.state);
  // A root, so that 10 ms beside 10 minutes can be seen.
  const flex = `${Math.max(4, 100 * seconds ** 0.4)} 1 0`;
  return h('span', { class: `part-${name} ${failed ? 'failed' : ''}`, style: { flex }, title: `${PARTS[name]} ${duration(seconds)}` }, duration(seconds));
};

/** The attempts, and what the colours mean. */
export const attempts = (list) =>
  h(
    'div', { class: 'attempts' },
    h('ol', { class: 'attempts' }, list.map((attempt) => {
      const known = spans(attempt);
      const sentence = known.map(([name, seconds]) => `${PARTS[name]} ${duration(seconds)}`).join(', ');
      return h(
        'li', { class: 'attempt' },
        h('div', h('span', { class: 'strong' }, `${attempt.number} `), chip(attempt.state, attempt.reason)),
        known.length ? h('div', { class: 'track', role: 'img', 'aria-label': sentence }, known.map(segment(attempt))) : h('span', { class: 'muted' }, 'No times were heard'),
        h('p', { class: 'note' }, [attempt.worker, attempt.received ? `received ${moment(attempt.received)}` : null].filter(Boolean).join(' · '), attempt.exception ? h('span', { class: 'bad mono' }, ` ${cut(attempt.exception, 300)}`) : null),
      );
    })),
    h('p', { class: 'keys' }, Object.entries(PARTS).map(([name, text]) => h('span', h('i', { class: `part-${name}` }), text))),
  );
