// Workflows: tasks that sent other tasks.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to } from '../core/router.js';
import { brief, count, duration } from '../core/format.js';
import { meter } from '../part/chart.js';
import { age, empty, shown } from '../part/notice.js';
import { head } from '../part/page.js';
import { when } from '../part/rows.js';
import { tone, word } from '../part/state.js';
import { table } from '../part/table.js';

const states = (it) => Object.entries(it.states).filter(([, number]) => number > 0);
const failed = (it) => states(it).find(([state]) => state === 'FAILURE')?.[1] ?? 0;

const columns = [
  { title: 'Begins with', kind: 'main', value: (it) => it.name, cell: (it) => h('a', { href: to('workflows', it.root) }, it.name ?? 'name not heard') },
  { title: 'Id', show: true, cell: (it) => h('span', { class: 'mono muted' }, brief(it.root)) },
  { title: 'Progress', show: true, value: (it) => it.done / (it.tasks || 1), cell: (it) => [meter(it.done, it.tasks, 'Over', { warns: false }), ` ${count(it.done)} of ${count(it.tasks)}`] },
  { title: 'Failed', kind: 'number', value: failed, cell: (it) => h('span', { class: failed(it) ? 'bad' : '' }, count(failed(it))) },
  { title: 'States', kind: 'text', cell: (it) => states(it).map(([state, number]) => h('span', { class: tone(state) }, `${word(state)} ${count(number)}  `)) },
  { title: 'Begun', value: (it) => it.first, cell: (it) => when(it.first) },
  { title: 'Last heard', show: true, value: (it) => it.last, cell: (it) => when(it.last) },
  { title: 'Took', kind: 'number', cell: (it) => duration(it.last - it.first) },
];

/** The page. */
export default () => {
  const source = resource(() => path('workflows'), { every: 5 });
  return [
    head('Workflows', { sub: age(source.at, 15) }),
    h('section', { class: 'card', 'aria-label': 'Workflows' }, shown(source, (data) => table('Workflows', () => data().workflows, { columns, key: (it) => it.root, sort: '-Last heard', none: () => empty('No workflow is in the history', 'A task that sends another, a chain, a group or a chord appears here.') }))),
  ];
};
