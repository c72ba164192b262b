// Queues: how much waits, how old it is, and whether it grows.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { tick } from '../core/live.js';
import { resource } from '../core/resource.js';
import { to, toQuery } from '../core/router.js';
import { signal } from '../core/signal.js';
import { count, duration, rate } from '../core/format.js';
import { spark } from '../part/chart.js';
import { age, empty, shown } from '../part/notice.js';
import { finder, head } from '../part/page.js';
import { queueMenu } from '../part/queue.js';
import { table } from '../part/table.js';

const known = (a, b) => a !== null && a !== undefined && b !== null && b !== undefined;

const drain = (it) => {
  if (it.ready === 0) return 'empty';
  if (it.never_empty || (known(it.in_rate, it.out_rate) && it.out_rate <= it.in_rate && it.empty_in === null)) return h('span', { class: 'warn' }, 'never');
  return duration(it.empty_in);
};

const columns = [
  { title: 'Queue', kind: 'main', value: (it) => it.name, cell: (it) => [h('a', { href: to('queues', it.name) }, it.name), it.paused ? [' ', h('span', { class: 'tag warn' }, 'paused')] : null] },
  { title: 'Waiting', kind: 'number', show: true, label: 'waiting', value: (it) => it.ready, cell: (it) => count(it.ready) },
  { title: 'In flight', kind: 'number', show: true, label: 'in flight', value: (it) => it.in_flight, cell: (it) => count(it.in_flight) },
  { title: 'Delayed', kind: 'number', value: (it) => it.delayed, cell: (it) => count(it.delayed) },
  { title: 'Dead', kind: 'number', value: (it) => it.dead, cell: (it) => (it.dead ? h('a', { class: 'bad', href: toQuery(['dead'], { queue: it.name }) }, count(it.dead)) : count(it.dead)) },
  { title: 'Oldest', kind: 'number', show: true, label: 'oldest', value: (it) => it.oldest, cell: (it) => duration(it.oldest) },
  { title: 'In', kind: 'number', value: (it) => it.in_rate, cell: (it) => rate(it.in_rate) },
  { title: 'Out', kind: 'number', value: (it) => it.out_rate, cell: (it) => rate(it.out_rate) },
  { title: 'Empty in', kind: 'number', value: (it) => it.empty_in, cell: drain },
  { title: 'Consumers', kind: 'number', value: (it) => it.consumers?.length, cell: (it) => (it.consumers?.length === 0 && it.ready > 0 ? h('span', { class: 'bad' }, 'none') : count(it.consumers?.length)) },
  { title: 'Last hour', cell: (it) => spark(it.spark, `Waiting in ${it.name}`) },
];

/** The page. */
export default () => {
  const source = resource(() => path('queues'), { every: 5 });
  const wanted = signal('');
  const queues = () => {
    const newest = new Map((tick()?.queues ?? []).map((row) => [row[0], row]));
    return (source.data()?.queues ?? [])
      .filter((it) => it.name.toLowerCase().includes(wanted().toLowerCase()))
      .map((it) => {
        const row = newest.get(it.name);
        return row ? { ...it, ready: row[1], in_flight: row[2], oldest: row[3] } : it;
      });
  };
  return [
    head('Queues', { sub: age(source.at, 15), actions: finder('Find a queue', wanted) }),
    h('section', { class: 'card', 'aria-label': 'Queues' }, shown(source, () => table('Queues', queues, { columns: [...columns, { kind: 'act', cell: (_, item) => queueMenu(item, source.again) }], sort: '-Waiting', none: () => empty('No queue is known', wanted() ? 'None has that in its name.' : 'Queues appear when a worker says what it consumes, or a task is sent to one.') }))),
  ];
};
