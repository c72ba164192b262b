// One entry of a schedule.

import { may, path, query } from '../core/api.js';
import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { resource } from '../core/resource.js';
import { go, to } from '../core/router.js';
import { ago, count, duration, json, moment } from '../core/format.js';
import { block } from '../part/copy.js';
import { age, empty, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { backfill, pause, remove, run } from '../part/schedule.js';
import { taskTable } from '../part/rows.js';

/** The page. */
export default ({ entry: name }) => {
  const source = resource(() => path('schedules', name), { every: 5 });
  const tasks = resource(() => (source.data()?.task ? `${path('tasks')}${query({ q: `name:${source.data().task}`, limit: 20 })}` : null), { every: 10 });
  const again = source.again;
  return [
    head(name, {
      crumb: { href: to('schedules'), text: 'Schedules' },
      sub: () => [source.data()?.paused ? h('span', { class: 'tag warn' }, 'paused') : null, source.data() ? h('span', source.data().words) : null, age(source.at, 15)],
      actions: () => {
        const entry = source.data();
        if (!entry) return null;
        return [may('schedule.run') ? [h('button', { onclick: () => run(entry, again) }, 'Run now …'), h('button', { onclick: () => backfill(entry, again) }, 'Backfill …')] : null, may('schedule.edit') ? [h('button', { onclick: () => pause(entry, again) }, entry.paused ? 'Resume …' : 'Pause …'), h('button', { class: 'danger', onclick: () => remove(entry, () => go(to('schedules'))) }, 'Delete …')] : null];
      },
    }),
    shown(source, (data) =>
      h('div', { class: 'columns' },
        card('Entry', () => facts([['Task', h('a', { href: to('names', data().task) }, data().task)], ['When', data().words], ['Zone', data().zone], ['Kept by', data().source], ['Runs', count(data().runs)]])),
        card('Next', () => (data().paused ? empty('Paused', 'Nothing is sent until it is resumed.') : data().next?.length ? h('ol', { class: 'stack-tight' }, data().next.map((at) => h('li', { class: 'between' }, h('span', moment(at).replace(/ \(.*/, '')), h('span', { class: 'muted' }, () => ago(at, now()))))) : empty('Never again', 'No time that it is due lies ahead.'))),
        card('Last', () => (data().last ? facts([['Due', moment(data().last.due)], ['Sent', moment(data().last.sent)], ['Late', duration(data().last.late)], ['Task', data().last.task ? h('a', { class: 'mono', href: to('tasks', data().last.task) }, data().last.task) : null]]) : empty('Not yet', 'It has not been due since it was made.'))),
        () => (data().args || data().kwargs || data().options ? card('Message', [data().args ? block('Arguments', json(data().args)) : null, data().kwargs ? block('Keyword arguments', json(data().kwargs)) : null]) : null),
      ),
    ),
    card('Tasks of this name', shown(tasks, (data) => taskTable('Tasks', () => data().tasks, { none: () => empty('None is in the history', 'They appear when the entry is due.') }), 'Waiting for the entry …'), { tight: true }),
  ];
};
