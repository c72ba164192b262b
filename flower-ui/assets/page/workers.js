// The fleet: Rust and Python workers together.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { resource } from '../core/resource.js';
import { to } from '../core/router.js';
import { signal } from '../core/signal.js';
import { ago, bytes, count, duration, many, number, rate } from '../core/format.js';
import { meter } from '../part/chart.js';
import { age, empty, shown } from '../part/notice.js';
import { finder, head } from '../part/page.js';
import { workerChip } from '../part/state.js';
import { table } from '../part/table.js';
import { workerMenu } from '../part/worker.js';

const kind = (it) => [{ rust: 'Rust', python: 'Python' }[it.kind] ?? it.kind ?? 'unknown', it.version ?? ''].join(' ');

const skew = (it) => {
  const it_ = it.clock_skew;
  return it_ !== null && it_ !== undefined && Math.abs(it_) > 2 ? h('span', { class: 'warn', title: 'Its clock and the board’s differ: times of its tasks are off by as much' }, duration(it_)) : duration(it_);
};

const columns = [
  { title: 'Worker', kind: 'main', value: (it) => it.name, cell: (it) => h('a', { href: to('workers', it.name) }, it.name) },
  { title: 'Status', show: true, value: (it) => it.status, cell: (it) => workerChip(it.status) },
  { title: 'Kind', show: true, value: kind, cell: kind },
  { title: 'Busy', show: true, kind: 'number', value: (it) => it.busy, cell: (it) => [meter(it.busy, it.slots, 'Busy'), ` ${count(it.busy)}/${count(it.slots)}`] },
  { title: 'Queues', kind: 'text', cell: (it) => (it.queues ?? []).join(', ') || '–' },
  { title: 'Rate', kind: 'number', value: (it) => it.rate, cell: (it) => rate(it.rate) },
  { title: 'Processed', kind: 'number', value: (it) => it.processed, cell: (it) => count(it.processed) },
  { title: 'Load', kind: 'number', value: (it) => it.load?.[0], cell: (it) => number(it.load?.[0]) },
  { title: 'Memory', kind: 'number', value: (it) => it.memory, cell: (it) => bytes(it.memory) },
  { title: 'Up', kind: 'number', value: (it) => it.uptime, cell: (it) => duration(it.uptime) },
  { title: 'Heard', kind: 'number', value: (it) => it.heartbeat_age, cell: (it) => (it.heartbeat_age === null || it.heartbeat_age === undefined ? '–' : ago(now.peek() - it.heartbeat_age, now.peek())) },
  { title: 'Clock', kind: 'number', value: (it) => it.clock_skew, cell: skew },
];

/** The page. */
export default () => {
  const source = resource(() => path('workers'), { every: 4, on: (change) => !change.workers || change.workers.length > 0 });
  const [wanted, withGone] = [signal(''), signal(false)];
  const all = () => source.data()?.workers ?? [];
  const list = () => all().filter((it) => (withGone() || it.status !== 'offline') && [it.name, it.kind, it.version, ...(it.queues ?? [])].join(' ').toLowerCase().includes(wanted().toLowerCase()));
  const gone = () => all().filter((it) => it.status === 'offline').length;
  const summary = () => {
    const by = (status) => all().filter((it) => it.status === status).length;
    return source.data() ? [h('span', `${by('online')} online`), by('draining') ? h('span', { class: 'warn' }, `${by('draining')} draining`) : null, by('suspect') ? h('span', { class: 'warn' }, `${by('suspect')} suspect`) : null, by('lost') ? h('span', { class: 'bad' }, `${by('lost')} lost`) : null, h('span', `${many(all().reduce((sum, it) => sum + (it.busy ?? 0), 0), 'task')} running`)] : null;
  };
  const block = (it) => {
    const height = `${it.slots ? Math.min(100, ((it.busy ?? 0) / it.slots) * 100) : 0}%`;
    const text = `${it.name}: ${it.status}, ${count(it.busy)} of ${count(it.slots)} busy`;
    return h('a', { class: it.status, href: to('workers', it.name), title: text, 'aria-label': text }, h('i', { style: { height } }));
  };
  return [
    head('Workers', { sub: () => [summary(), age(source.at, 15)], actions: finder('Find a worker', wanted, 'Name, kind, queue') }),
    () => (list().length > 6 ? h('div', { class: 'strip' }, list().slice(0, 300).map(block)) : null),
    h('section', { class: 'card', 'aria-label': 'Workers' }, shown(source, () => table('Workers', list, { columns: [...columns, { kind: 'act', cell: (_, item) => workerMenu(item, source.again) }], sort: 'Worker', none: () => empty(wanted() ? 'No worker matches' : 'No worker was heard', wanted() ? 'None has that in its name, kind or queues.' : 'Start a Rust worker, or a Python one: celery -A app worker -E. Workers show up with their first heartbeat.') }))),
    () => (gone() ? h('label', { class: 'check muted' }, h('input', { type: 'checkbox', checked: withGone.peek(), onchange: (event) => withGone.set(event.target.checked) }), `Show ${many(gone(), 'worker')} that stopped`) : null),
  ];
};
