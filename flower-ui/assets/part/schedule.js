// What can be done to an entry of a schedule.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { to } from '../core/router.js';
import { ask, field } from './dialog.js';
import { begin } from './job.js';
import { menu } from './menu.js';
import { say } from './toast.js';

const act = (entry, verb, done) => async () => {
  await post(path('schedules', entry.name, verb));
  say({ run: 'Sent', pause: 'Paused', resume: 'Goes on', delete: 'Deleted' }[verb]);
  done?.();
};

/** Sends its task now; the times that it is due stay. */
export const run = (entry, done) => ask({ title: `Run ${entry.name} now?`, body: h('p', `${entry.task} is sent once more. When it is due next does not change.`), action: 'Run now', act: act(entry, 'run', done) });

/** Holds it, or lets it go on. */
export const pause = (entry, done) => ask({ title: `${entry.paused ? 'Resume' : 'Pause'} ${entry.name}?`, body: h('p', entry.paused ? 'It is sent again from the next time that it is due.' : 'Nothing is sent until it is resumed; what it misses is not made up for.'), action: entry.paused ? 'Resume' : 'Pause', act: act(entry, entry.paused ? 'resume' : 'pause', done) });

/** Deletes it. */
export const remove = (entry, done) => ask({ title: `Delete ${entry.name}?`, body: h('p', 'The entry is gone from the store. One that a program’s code sets comes back when that starts.'), action: 'Delete', danger: true, type: entry.name, act: act(entry, 'delete', done) });

// A moment as the control for it wants it, in the zone of who looks.
const local = (seconds) => new Date((seconds - new Date(seconds * 1000).getTimezoneOffset() * 60) * 1000).toISOString().slice(0, 16);

/** Sends it for due times that have passed: counted first, each once. */
export const backfill = (entry, done) => {
  const now = Date.now() / 1000;
  const moment = (seconds) => h('input', { type: 'datetime-local', required: true, value: local(seconds) });
  const [from, till] = [moment(now - 86_400), moment(now)];
  const rate = h('input', { type: 'number', min: '0', step: 'any', placeholder: 'as fast as it goes' });
  const seconds = (control) => new Date(control.value).getTime() / 1000;
  begin({
    title: `Backfill ${entry.name}`,
    form: () => [h('p', 'It is sent for every time that it was due in the span, each once: what was sent then, or by an earlier backfill of that time, is not sent by this one again.'), h('div', { class: 'fields' }, field('From', from, 'In your time zone'), field('To', till), field('At most a second', rate))],
    what: () => ({ action: 'backfill', entry: entry.name, from: seconds(from), to: seconds(till), ...(rate.value ? { rate: Number(rate.value) } : {}) }),
    verb: 'Send', said: 'will be sent.', thing: 'run', done,
  });
};

/** Actions of its row. */
export const scheduleMenu = (item, done) =>
  menu(`Actions of ${item.peek().name}`, () => {
    const entry = item.peek();
    return [
      { text: 'Open', href: to('schedules', entry.name) },
      may('schedule.run') && { text: 'Run now …', act: () => run(entry, done) },
      may('schedule.run') && { text: 'Backfill …', act: () => backfill(entry, done) },
      may('schedule.edit') && { text: entry.paused ? 'Resume …' : 'Pause …', act: () => pause(entry, done) },
      may('schedule.edit') && { text: 'Delete …', act: () => remove(entry, done), danger: true },
    ];
  });
