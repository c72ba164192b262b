// Is all well? If not, where to look.

import { path, series } from '../core/api.js';
import { h } from '../core/dom.js';
import { now, tick } from '../core/live.js';
import { resource } from '../core/resource.js';
import { here, to, toQuery } from '../core/router.js';
import { signal } from '../core/signal.js';
import { ago, count, duration, many, percent, rate } from '../core/format.js';
import { chart, meter, spark } from '../part/chart.js';
import { icon } from '../part/icon.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, head } from '../part/page.js';
import { taskTable } from '../part/rows.js';
import { table } from '../part/table.js';

const SPANS = { '15 min': 900, '1 h': 3600, '6 h': 21_600, '24 h': 86_400, '7 d': 604_800 };

const verdict = (data) => {
  const { level, text } = data().verdict;
  const [picture, tone] = { ok: ['success', 'good'], warn: ['errors', 'warn'], bad: ['failure', 'bad'] }[level] ?? ['info', 'muted'];
  return h('p', { class: `verdict ${tone}`, role: 'status' }, icon(picture), h('span', text));
};

const problem = ({ level, text, link, since }) =>
  notice(level === 'bad' ? 'bad' : 'warn', h('span', text), since ? h('span', { class: 'muted' }, () => ` · since ${ago(since, now())}`) : null, link ? [' ', h('a', { href: here(link) }, 'Open')] : null);

const figure = (title, value, note, measure, split, kind, format, span) => {
  const source = resource(() => series(span(), { measure, split, points: 90 }), { every: 10 });
  return h(
    'section', { class: 'card figure', 'aria-label': title },
    h('header', h('h2', title), age(source.at, 40)),
    h('div', { class: 'body' }, h('p', h('span', { class: 'value' }, value), ' ', h('span', { class: 'muted small' }, note)), shown(source, (data) => chart(title, data, { kind, format, height: 116 }), 'Reading history …')),
  );
};

const queueColumns = [
  { title: 'Queue', kind: 'main', value: (it) => it.name, cell: (it) => h('a', { href: to('queues', it.name) }, it.name) },
  { title: 'Waiting', kind: 'number', show: true, label: 'waiting', value: (it) => it.ready, cell: (it) => count(it.ready) },
  { title: 'In flight', kind: 'number', value: (it) => it.in_flight, cell: (it) => count(it.in_flight) },
  { title: 'Oldest', kind: 'number', show: true, label: 'oldest', value: (it) => it.oldest, cell: (it) => duration(it.oldest) },
  { title: 'In', kind: 'number', value: (it) => it.in_rate, cell: (it) => rate(it.in_rate) },
  { title: 'Out', kind: 'number', value: (it) => it.out_rate, cell: (it) => rate(it.out_rate) },
  { title: 'Last hour', cell: (it) => spark(it.spark, `Waiting in ${it.name}`) },
];

const workers = (data) => {
  const fleet = data().workers;
  const list = fleet.list ?? [];
  if (!list.length) return empty('No worker was heard', 'Start one: a Rust worker, or a Python one with -E.');
  return [
    h('p', { class: 'line small' }, h('span', many(fleet.online, 'worker'), ' online'), fleet.draining ? h('span', { class: 'warn' }, `${fleet.draining} draining`) : null, fleet.lost ? h('span', { class: 'bad' }, `${fleet.lost} lost`) : null, fleet.offline ? h('span', { class: 'muted' }, `${fleet.offline} offline`) : null),
    h('ul', { class: 'stack-tight' }, list.slice(0, 12).map(({ name, busy, slots, status }) => h('li', { class: 'between small' }, h('a', { href: to('workers', name) }, name), h('span', { class: 'nowrap' }, meter(busy, slots, 'Busy'), ` ${status && status !== 'online' ? status : `${count(busy)}/${count(slots)}`}`)))),
  ];
};

/** The page. */
export default () => {
  const overview = resource(() => path('overview'), { every: 5, on: () => true });
  const span = signal(900);
  const latest = (key) => () => tick()?.now?.[key] ?? overview.data()?.now?.[key] ?? null;
  const value = (key, format) => () => format(latest(key)());
  return [
    head('Overview', {
      sub: () => (overview.data() ? [verdict(overview.data), age(overview.at)] : null),
      actions: h('label', { class: 'line' }, h('span', { class: 'sr' }, 'Charts show'), h('select', { onchange: (event) => span.set(Number(event.target.value)) }, Object.entries(SPANS).map(([text, seconds]) => h('option', { value: seconds }, `Last ${text}`)))),
    }),
    shown(overview, (data) => [
      h('div', { class: 'problems' }, () => (data().problems ?? []).map(problem)),
      h(
        'div', { class: 'figures' },
        figure('Throughput', value('throughput', rate), 'tasks ended', 'throughput', 'state', 'areas', rate, span),
        figure('Failures', value('failure_rate', percent), 'of what ended', 'failures', '', 'lines', rate, span),
        figure('Wait, p95', value('wait_p95', duration), 'before it runs', 'wait', '', 'lines', duration, span),
        figure('Run, p95', value('run_p95', duration), 'while it runs', 'run', '', 'lines', duration, span),
      ),
      h(
        'div', { class: 'two' },
        card('Queues', table('Queues', () => data().queues ?? [], { columns: queueColumns, sort: '-Waiting', none: () => empty('No queue is known', 'Queues appear when a worker says what it consumes, or a task is sent.') }), { tight: true, at: overview.at, actions: h('a', { href: to('queues') }, 'All queues') }),
        h('div', { class: 'stack' },
          card('Workers', () => workers(data), { at: overview.at, actions: h('a', { href: to('workers') }, 'All workers') }),
          card('Next schedules', () => ((data().schedules ?? []).length ? h('ul', { class: 'stack-tight' }, data().schedules.slice(0, 6).map(({ name, next }) => h('li', { class: 'between small' }, h('a', { href: to('schedules', name) }, name), h('span', { class: 'muted' }, () => ago(next, now()))))) : empty('Nothing is scheduled', 'Entries of taskq beat and RedBeat are listed here.'))),
        ),
      ),
      card('Recent failures', taskTable('Recent failures', () => data().failures ?? [], { none: () => empty('Nothing failed', 'No failure is in the history that is kept.') }), { tight: true, at: overview.at, actions: h('a', { href: toQuery(['tasks'], { q: 'state:failed' }) }, 'All failures') }),
    ]),
  ];
};
