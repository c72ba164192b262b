// What is done to many tasks.
//
// Kept true here: the board counts before anybody confirms, and what was counted is what is done; a running job
// can be stopped.

import { get, may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { effect, ended, signal } from '../core/signal.js';
import { count, many } from '../core/format.js';
import { field, open } from './dialog.js';
import { trouble } from './notice.js';

const ACTIONS = [
  { action: 'retry', text: 'Retry', permission: 'task.retry' },
  { action: 'revoke', text: 'Revoke', permission: 'task.revoke', danger: true },
  { action: 'terminate', text: 'Terminate', permission: 'task.terminate', danger: true },
  { action: 'forget', text: 'Delete from history', permission: 'task.delete', danger: true },
];
/** From this many on, the number is typed. */
const MANY = 100;

const running = (close, started) => {
  const [job, problem] = [signal(started), signal(null)];
  const isOver = () => !['running', 'waiting', 'queued', undefined].includes(job()?.state);
  const timer = setInterval(async () => {
    try {
      const answer = await get(path('jobs'));
      const mine = answer.jobs.find((it) => it.id === started.id);
      if (mine) job.set(mine);
    } catch (error) {
      problem.set(error);
    }
  }, 700);
  ended(() => clearInterval(timer));
  effect(() => isOver() && clearInterval(timer));
  return h(
    'form', { method: 'dialog' },
    h('h2', () => (isOver() ? `Job ${job().state}` : 'Working')),
    h('progress', { max: () => job().total ?? 1, value: () => job().done ?? 0, 'aria-label': 'Progress' }),
    h('p', { role: 'status' }, () => `${count(job().done ?? 0)} of ${count(job().total)} done${job().failed ? `, ${count(job().failed)} failed` : ''}`),
    () => (problem() ? trouble(problem()) : null),
    h('p', { class: 'hint' }, 'It goes on when this is closed; Activity lists it.'),
    h('div', { class: 'buttons' }, () => (isOver() ? null : h('button', { type: 'button', class: 'danger', onclick: () => post(path('jobs', started.id, 'stop')).then(job.set, problem.set) }, 'Stop')), h('button', { type: 'button', class: 'primary', onclick: close }, 'Close')),
  );
};

const confirm = (entry, preview, start) => {
  const typed = signal('');
  const type = entry.danger && preview.count >= MANY ? String(preview.count) : '';
  return [
    h('p', h('strong', many(preview.count, 'task')), ` will be ${{ retry: 'sent again', revoke: 'revoked', terminate: 'stopped', forget: 'deleted from the history' }[entry.action]}.`),
    preview.warning ? h('p', { class: 'warn' }, preview.warning) : null,
    preview.sample?.length ? h('div', h('h3', 'Among them'), h('ul', { class: 'small mono' }, preview.sample.slice(0, 5).map((task) => h('li', `${task.name ?? ''} ${task.id}`)))) : null,
    type ? field(`Type ${type} to go on`, h('input', { autocomplete: 'off', oninput: (event) => typed.set(event.target.value) })) : null,
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: `primary ${entry.danger ? 'danger' : ''}`, disabled: () => preview.count === 0 || (type !== '' && typed() !== type), onclick: start }, `${entry.text} ${count(preview.count)}`)),
  ];
};

const begin = (entry, what, done) =>
  open(`${entry.text} many tasks`, (close) => {
    const [preview, job, problem] = [signal(null), signal(null), signal(null)];
    post(path('preview'), { action: entry.action, ...what }).then(preview.set, problem.set);
    const start = () => post(path('jobs'), { token: preview.peek().token }).then((started) => (job.set(started), done()), problem.set);
    return h('div', () =>
      job()
        ? running(close, job())
        : h('form', { method: 'dialog' }, h('h2', `${entry.text} many tasks`), problem() ? trouble(problem()) : null, preview() ? confirm(entry, preview(), start) : problem() ? null : h('p', { role: 'status' }, 'Counting …'), h('div', { class: 'buttons' }, h('button', { type: 'button', onclick: close }, 'Cancel'))),
    );
  });

/** Does `action` to what `what` says, `{query}` or `{targets}`, once it was counted and confirmed. */
export const toMany = (action, what, done) => begin(ACTIONS.find((entry) => entry.action === action), what, done);

/** The bar of what may be done to the tasks that are chosen, or to all that match. */
export const bulk = ({ chosen, text, matched, done }) => {
  const all = signal(false);
  const what = () => (all.peek() ? { query: text.peek() } : { targets: [...chosen.peek()] });
  return h(
    'div', { class: 'bulk', role: 'toolbar', 'aria-label': 'What is chosen' },
    h('strong', () => (all() ? `All ${matched() ?? 'that match'}` : many(chosen().size, 'task'))),
    h('button', { type: 'button', class: 'link', onclick: () => all.update((was) => !was) }, () => (all() ? 'Only those chosen' : `Choose all ${matched() ?? ''}`)),
    ACTIONS.filter((entry) => may(entry.permission)).map((entry) => h('button', { type: 'button', class: entry.danger ? 'danger' : '', onclick: () => begin(entry, what(), done) }, `${entry.text} …`)),
    h('button', { type: 'button', class: 'plain', onclick: () => chosen.set(new Set()) }, 'Choose none'),
  );
};
