// Errors, those alike together.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to } from '../core/router.js';
import { count, cut } from '../core/format.js';
import { spark } from '../part/chart.js';
import { age, empty, shown } from '../part/notice.js';
import { head } from '../part/page.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';

// Most texts begin with the class.
const without = (text, start) => (text.startsWith(`${start}: `) ? text.slice(start.length + 2) : text);

const columns = [
  { title: 'Error', kind: 'main', value: (it) => it.class, cell: (it) => h('a', { href: to('errors', it.fingerprint), title: cut(it.text, 600) }, h('span', { class: 'bad' }, it.class), ` ${cut(without(it.text, it.class), 160)}`) },
  { title: 'Times', kind: 'number', show: true, label: 'times', value: (it) => it.count, cell: (it) => count(it.count) },
  { title: 'Tasks', kind: 'text', cell: (it) => (it.names ?? []).join(', ') },
  { title: 'Trend', cell: (it) => spark(it.spark, it.class) },
  { title: 'First', value: (it) => it.first, cell: (it) => when(it.first) },
  { title: 'Last', show: true, value: (it) => it.last, cell: (it) => when(it.last) },
];

/** The page. */
export default () => {
  const source = resource(() => path('errors'), { every: 10 });
  return [
    head('Errors', { sub: age(source.at, 30) }),
    h('section', { class: 'card', 'aria-label': 'Groups of errors' }, shown(source, (data) => table('Errors', () => data().errors, { columns, key: (it) => it.fingerprint, sort: '-Last', none: () => empty('No error', 'No task has failed in the history that is kept.') }))),
  ];
};
