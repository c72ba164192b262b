// Task names: how many of each, how long they wait and run, how often they fail.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to } from '../core/router.js';
import { signal } from '../core/signal.js';
import { count, duration, percent } from '../core/format.js';
import { age, empty, shown } from '../part/notice.js';
import { finder, head } from '../part/page.js';
import { table } from '../part/table.js';

const failing = (it) => (it.count ? (it.failed ?? 0) / it.count : null);

const columns = [
  { title: 'Task', kind: 'main', value: (it) => it.name, cell: (it) => h('a', { href: to('names', it.name) }, it.name) },
  { title: 'Tasks', kind: 'number', show: true, label: 'tasks', value: (it) => it.count, cell: (it) => count(it.count) },
  { title: 'Failed', kind: 'number', show: true, label: 'failed', value: failing, cell: (it) => h('span', { class: failing(it) > 0.05 ? 'bad' : '' }, percent(failing(it))) },
  { title: 'Retried', kind: 'number', value: (it) => it.retried, cell: (it) => count(it.retried) },
  { title: 'Wait p50', kind: 'number', value: (it) => it.wait?.p50, cell: (it) => duration(it.wait?.p50) },
  { title: 'Wait p95', kind: 'number', value: (it) => it.wait?.p95, cell: (it) => duration(it.wait?.p95) },
  { title: 'Run p50', kind: 'number', value: (it) => it.run?.p50, cell: (it) => duration(it.run?.p50) },
  { title: 'Run p95', kind: 'number', show: true, label: 'run p95', value: (it) => it.run?.p95, cell: (it) => duration(it.run?.p95) },
  { title: 'Run p99', kind: 'number', value: (it) => it.run?.p99, cell: (it) => duration(it.run?.p99) },
  { title: 'Workers', kind: 'number', value: (it) => it.workers?.length, cell: (it) => ((it.workers?.length ?? 0) === 0 ? h('span', { class: 'bad' }, 'none') : count(it.workers.length)) },
];

/** The page. */
export default () => {
  const source = resource(() => path('names'), { every: 10 });
  const wanted = signal('');
  const names = (data) => data().names.filter((it) => it.name.toLowerCase().includes(wanted().toLowerCase()));
  return [
    head('Task names', { sub: age(source.at, 30), actions: finder('Find a name', wanted) }),
    h('section', { class: 'card', 'aria-label': 'Names' }, shown(source, (data) => table('Task names', () => names(data), { columns, sort: '-Tasks', none: () => empty('No name is known', wanted() ? 'None has that in it.' : 'Names appear with the first tasks, and with what workers register.') }))),
  ];
};
