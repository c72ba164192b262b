// What is sent when.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { resource } from '../core/resource.js';
import { to } from '../core/router.js';
import { ago, count, duration, moment } from '../core/format.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { head } from '../part/page.js';
import { scheduleMenu } from '../part/schedule.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';

const columns = [
  { title: 'Entry', kind: 'main', value: (it) => it.name, cell: (it) => [h('a', { href: to('schedules', it.name) }, it.name), it.paused ? [' ', h('span', { class: 'tag warn' }, 'paused')] : null] },
  { title: 'Task', kind: 'text', value: (it) => it.task, cell: (it) => h('a', { href: to('names', it.task) }, it.task) },
  { title: 'When', show: true, cell: (it) => it.words },
  { title: 'Zone', cell: (it) => it.zone ?? '–' },
  { title: 'Next', show: true, label: 'next', value: (it) => it.next?.[0], cell: (it) => (it.paused ? '–' : it.next?.length ? h('span', { title: it.next.map(moment).join('\n') }, () => ago(it.next[0], now())) : 'never') },
  { title: 'Last', value: (it) => it.last?.sent ?? it.last?.due, cell: (it) => (it.last ? [when(it.last.sent ?? it.last.due), it.last.late > 1 ? h('span', { class: 'warn' }, ` ${duration(it.last.late)} late`) : null] : 'not yet') },
  { title: 'Runs', kind: 'number', value: (it) => it.runs, cell: (it) => count(it.runs) },
  { title: 'Kept by', cell: (it) => it.source ?? '–' },
];

/** The page. */
export default () => {
  const source = resource(() => path('schedules'), { every: 5 });
  return [
    head('Schedules', { sub: () => [source.data() ? h('span', source.data().leader ? `Sent by ${source.data().leader}` : 'Nobody sends them now') : null, age(source.at, 15)] }),
    shown(source, (data) => [
      () => (!data().leader && data().schedules.length ? notice('bad', h('p', { class: 'strong' }, 'No beat is running'), h('p', 'Entries are kept but nothing is sent. Start one: taskq beat, or a worker with -B.')) : null),
      () => (data().note && (data().leader || !data().schedules.length) ? notice('info', h('p', data().note)) : null),
      h('section', { class: 'card', 'aria-label': 'Entries' }, table('Schedules', () => data().schedules, { columns: [...columns, { kind: 'act', cell: (_, item) => scheduleMenu(item, source.again) }], sort: 'Next', none: () => empty(data().readable === false ? 'They cannot be read' : 'Nothing is scheduled', data().note ?? 'Entries of taskq beat and of RedBeat appear here.') })),
    ]),
  ];
};
