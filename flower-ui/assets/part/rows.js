// Columns and actions of tasks, wherever tasks are listed.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { to } from '../core/router.js';
import { ago, brief, count, cut, duration, moment } from '../core/format.js';
import { ask, field } from './dialog.js';
import { copy } from './copy.js';
import { menu } from './menu.js';
import { say } from './toast.js';
import { chip, isOver } from './state.js';
import { table } from './table.js';

const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGQUIT', 'SIGUSR1'];

/** How long ago, and on a touch when exactly. */
export const when = (seconds) => h('span', { class: 'nowrap', title: moment(seconds) }, () => ago(seconds, now()));

const told = (task, text) => say(text, { link: { href: to('tasks', task.id), text: 'Open' } });

/**
 * Sends it again, as it was.
 *
 * @param {{ id: string, name?: string }} task
 * @param {(answer: object) => void} done
 */
export const retry = (task, done = () => {}) =>
  ask({
    title: `Retry ${task.name ?? brief(task.id)}?`,
    body: h('p', 'A new message with the same arguments is sent. What the task did before is not undone.'),
    action: 'Retry',
    act: async () => {
      const answer = await post(path('tasks', task.id, 'retry'));
      const next = answer?.id ?? task.id;
      say('Sent again', { link: { href: to('tasks', next), text: 'Open the new one' } });
      done(answer);
    },
  });

/** Keeps it from running. */
export const revoke = (task, done = () => {}) =>
  ask({
    title: `Revoke ${task.name ?? brief(task.id)}?`,
    body: h('p', task.state === 'STARTED' ? 'It already runs: revoking lets it end, and keeps it from being retried. Terminate stops it.' : 'Workers drop it when it is its turn.'),
    action: 'Revoke',
    danger: true,
    act: async () => {
      await post(path('tasks', task.id, 'revoke'));
      told(task, 'Revoked');
      done();
    },
  });

/** Stops it. */
export const terminate = (task, done = () => {}) => {
  const choice = h('select', SIGNALS.map((name) => h('option', { value: name }, name)));
  ask({
    title: `Terminate ${task.name ?? brief(task.id)}?`,
    body: [h('p', 'What runs it is stopped in the middle of its work. On a Python worker that is the whole pool process.'), field('Signal', choice, 'For Python workers; Rust workers cancel the task')],
    action: 'Terminate',
    danger: true,
    act: async () => {
      await post(path('tasks', task.id, 'terminate'), { signal: choice.value });
      told(task, 'Told to stop');
      done();
    },
  });
};

/** Actions of a task's row. */
export const taskMenu = (item, done) =>
  menu(`Actions of ${item.peek().name ?? item.peek().id}`, () => {
    const task = item.peek();
    return [
      { text: 'Open', href: to('tasks', task.id) },
      may('task.retry') && isOver(task.state) && { text: 'Retry …', act: () => retry(task, done) },
      may('task.revoke') && !isOver(task.state) && { text: 'Revoke …', act: () => revoke(task, done), danger: true },
      may('task.terminate') && task.state === 'STARTED' && { text: 'Terminate …', act: () => terminate(task, done), danger: true },
      { text: 'Copy id', act: () => copy(task.id) },
    ];
  });

const outcome = (task) => (task.exception ? h('span', { class: 'bad', title: cut(task.exception, 600) }, cut(task.exception, 140)) : task.result ? h('span', { class: 'muted', title: cut(task.result, 600) }, cut(task.result, 140)) : '');
const inputs = (task) => [task.args, task.kwargs].filter((text) => text && !['()', '[]', '{}'].includes(text)).join(' ');

/** The columns of tasks, by name. */
export const COLUMNS = {
  state: { title: 'State', id: 'state', show: true, cell: (task) => chip(task.state, task.reason) },
  name: { title: 'Task', id: 'name', kind: 'main', cell: (task) => h('a', { href: to('tasks', task.id), title: task.name ?? '' }, task.name ?? 'name not heard') },
  id: { title: 'Id', cell: (task) => h('a', { class: 'mono muted nowrap', href: to('tasks', task.id), title: task.id }, brief(task.id)) },
  received: { title: 'When', id: 'received', show: true, cell: (task) => when(task.timestamp ?? task.received ?? task.sent) },
  queue: { title: 'Queue', cell: (task) => task.queue ?? '–' },
  wait: { title: 'Wait', id: 'wait', kind: 'number', cell: (task) => duration(task.wait) },
  run: { title: 'Run', id: 'run', kind: 'number', show: true, label: 'ran', cell: (task) => duration(task.run) },
  attempts: { title: 'Attempts', kind: 'number', cell: (task) => count(task.attempts) },
  worker: { title: 'Worker', kind: 'text', cell: (task) => task.worker ?? '–' },
  input: { title: 'Arguments', kind: 'text mono', cell: (task) => h('span', { title: cut(inputs(task), 600) }, cut(inputs(task) || '–', 120)) },
  outcome: { title: 'Result or error', kind: 'text mono', cell: outcome },
};

/**
 * A short list of tasks.
 *
 * @param {string} label
 * @param {() => object[]} items
 * @param {{ columns?: string[], done?: () => void, none?: () => Node }} options
 */
export const taskTable = (label, items, { columns = ['state', 'name', 'id', 'received', 'run', 'worker', 'outcome'], done = () => {}, ...more } = {}) =>
  table(label, items, { columns: [...columns.map((name) => COLUMNS[name]), { kind: 'act', cell: (_, item) => taskMenu(item, done) }], key: (task) => task.id, sorted: () => '', ...more });
