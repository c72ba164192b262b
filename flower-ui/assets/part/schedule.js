// What can be done to an entry of a schedule.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { to } from '../core/router.js';
import { ask } from './dialog.js';
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

/** Actions of its row. */
export const scheduleMenu = (item, done) =>
  menu(`Actions of ${item.peek().name}`, () => {
    const entry = item.peek();
    return [
      { text: 'Open', href: to('schedules', entry.name) },
      may('schedule.run') && { text: 'Run now …', act: () => run(entry, done) },
      may('schedule.edit') && { text: entry.paused ? 'Resume …' : 'Pause …', act: () => pause(entry, done) },
      may('schedule.edit') && { text: 'Delete …', act: () => remove(entry, done), danger: true },
    ];
  });
