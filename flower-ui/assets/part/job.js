// Something that is done many times.
//
// Kept true here: the board counts before anybody confirms, and what was counted is what is done; a running job
// can be stopped, and one that waits after its first steps goes on only when somebody says so.

import { get, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { effect, ended, signal, untracked } from '../core/signal.js';
import { count, many } from '../core/format.js';
import { field, open } from './dialog.js';
import { trouble } from './notice.js';

/** From this many on, the number is typed. */
const MANY = 100;
/** How often a running job is looked at, in milliseconds. */
const LOOK = 700;

const isOver = (state) => state === 'done' || state === 'stopped';

const words = { running: 'Working', waiting: 'Waiting for you', stopping: 'Stopping', stopped: 'Stopped', done: 'Done' };

/** A job until it is over. */
const running = (close, started) => {
  const [job, problem] = [signal(started), signal(null)];
  const timer = setInterval(async () => {
    try {
      const answer = await get(path('jobs'));
      const mine = answer.jobs.find((it) => it.id === started.id);
      if (mine) job.set(mine);
    } catch (error) {
      problem.set(error);
    }
  }, LOOK);
  ended(() => clearInterval(timer));
  effect(() => isOver(job().state) && clearInterval(timer));
  const tell = (verb) => () => post(path('jobs', started.id, verb)).then(job.set, problem.set);
  return h(
    'form', { method: 'dialog' },
    h('h2', () => words[job().state] ?? job().state),
    h('progress', { max: () => job().total ?? 1, value: () => job().done + job().failed, 'aria-label': 'Progress' }),
    h('p', { role: 'status' }, () => `${count(job().done)} of ${count(job().total)} done${job().failed ? `, ${count(job().failed)} not` : ''}${job().failed_again ? `, ${count(job().failed_again)} failed again` : ''}`),
    () => (job().why ? h('p', { class: 'warn' }, `It stopped by itself: ${job().why}.`) : null),
    () => (job().reasons?.length ? h('ul', { class: 'small' }, job().reasons.slice(0, 5).map((it) => h('li', h('code', it.id), ` ${it.why}`))) : null),
    () => (job().state === 'waiting' ? h('p', 'The first ones are sent. Look at what became of them, then go on or stop.') : null),
    () => (problem() ? trouble(problem()) : null),
    () => (isOver(job().state) ? null : h('p', { class: 'hint' }, 'It goes on when this is closed; Activity lists it.')),
    h(
      'div', { class: 'buttons' },
      () => (isOver(job().state) ? null : h('button', { type: 'button', class: 'danger', onclick: tell('stop') }, 'Stop')),
      () => (job().state === 'waiting' ? h('button', { type: 'button', onclick: tell('resume') }, 'Go on') : null),
      h('button', { type: 'button', class: 'primary', onclick: close }, 'Close'),
    ),
  );
};

const confirm = ({ verb, danger, said, thing }, preview, start, back) => {
  const typed = signal('');
  const type = danger && preview.count >= MANY ? String(preview.count) : '';
  return [
    h('p', h('strong', many(preview.count, thing)), ` ${said}`),
    preview.warning ? h('p', { class: 'warn' }, preview.warning) : null,
    preview.sample?.length ? h('div', h('h3', 'Among them'), h('ul', { class: 'small mono' }, preview.sample.slice(0, 5).map((it) => h('li', it.due ? `${new Date(it.due * 1000).toLocaleString()}${it.sent ? ' (was sent)' : ''}` : `${it.name ?? ''} ${it.id}`)))) : null,
    type ? field(`Type ${type} to go on`, h('input', { autocomplete: 'off', oninput: (event) => typed.set(event.target.value) })) : null,
    h('div', { class: 'buttons' }, back, h('button', { type: 'button', class: `primary ${danger ? 'danger' : ''}`, disabled: () => preview.count === 0 || (type !== '' && typed() !== type), onclick: start }, `${verb} ${count(preview.count)}`)),
  ];
};

/**
 * Counts, asks, does. `what()` gives what is previewed; with `form`, which makes fields, it is asked for first. `said` ends the sentence
 * that begins with the count of `thing`s.
 */
export const begin = ({ title, what, form = null, verb, said, thing = 'task', danger = false, done = () => {} }) =>
  open(
    title,
    (close) => {
      const [preview, job, problem, busy] = [signal(null), signal(null), signal(null), signal(false)];
      const look = async (event) => {
        event?.preventDefault();
        problem.set(null);
        busy.set(true);
        try {
          preview.set(await post(path('preview'), what()));
        } catch (error) {
          problem.set(error);
        } finally {
          busy.set(false);
        }
      };
      const start = () => post(path('jobs'), { token: preview.peek().token }).then((started) => (job.set(started), done()), problem.set);
      // Made here, so that what it reads ends with the dialog.
      const fields = form ? untracked(form) : null;
      if (!form) look();
      const cancel = () => h('button', { type: 'button', onclick: close }, 'Cancel');
      const asked = form ? h('form', { class: 'stack', onsubmit: look, hidden: () => preview() !== null }, h('h2', title), fields, () => (problem() ? trouble(problem()) : null), h('div', { class: 'buttons' }, cancel(), h('button', { type: 'submit', class: 'primary', disabled: busy }, () => (busy() ? 'Counting …' : 'Preview')))) : null;
      return h('div', () =>
        job()
          ? running(close, job())
          : [
              asked,
              () => (preview() === null && form ? null : h('form', { method: 'dialog' }, h('h2', title), () => (problem() ? trouble(problem()) : null), preview() ? confirm({ verb, danger, said, thing }, preview(), start, form ? h('button', { type: 'button', onclick: () => preview.set(null) }, 'Back') : cancel()) : h('div', problem() ? null : h('p', { role: 'status' }, 'Counting …'), h('div', { class: 'buttons' }, cancel())))),
            ],
      );
    },
    { wide: form !== null },
  );
