// One worker: what it does now, what it consumes, how it is set up.
//
// Kept true here: each part has its own age, since each was asked for at another time; what a worker did not
// answer is said to be unknown.

import { may, path } from '../core/api.js';
import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { resource } from '../core/resource.js';
import { parameter, to, toQuery } from '../core/router.js';
import { bytes, brief, count, cut, duration, json, number, rate } from '../core/format.js';
import { meter } from '../part/chart.js';
import { block } from '../part/copy.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, facts, head, tabs } from '../part/page.js';
import { workerChip } from '../part/state.js';
import { table } from '../part/table.js';
import { say } from '../part/toast.js';
import { addConsumer, autoscale, cancelConsumer, drain, limits, resize, restart, shutdown } from '../part/worker.js';

const value = (part) => part?.value ?? null;
const part = (title, it, draw, options = {}) => card(title, value(it) === null ? empty('Not known', 'The worker has not answered that yet.') : draw(value(it)), { at: it?.as_of, ...options });

const requests = (list) => list.map((it) => ({ ...(it.request ?? it), eta: it.eta ?? it.request?.eta }));
const requestColumns = [
  { title: 'Task', kind: 'main', cell: (it) => h('a', { href: to('tasks', it.id) }, it.name ?? it.type ?? brief(it.id)) },
  { title: 'Id', show: true, cell: (it) => h('span', { class: 'mono muted' }, brief(it.id)) },
  { title: 'Arguments', kind: 'text mono', cell: (it) => cut([it.args, it.kwargs].filter(Boolean).map((each) => json(each)).join(' '), 140) },
  { title: 'Due or begun', show: true, cell: (it) => (it.eta ? it.eta : it.time_start ? () => duration(Math.max(0, now() - it.time_start)) : '–') },
];
const requestTable = (label, none) => (list) => table(label, () => requests(list), { columns: requestColumns, key: (it) => it.id, none: () => empty(none, 'As of when it was asked.') });

const nowTab = (data) => [
  part('Running', data.active, requestTable('Running', 'Nothing runs'), { tight: true }),
  part('Held, to run next', data.reserved, requestTable('Held', 'It holds nothing'), { tight: true }),
  part('Held until they are due', data.scheduled, requestTable('Scheduled', 'Nothing is held for later'), { tight: true }),
];

const queuesTab = (data, again) =>
  card('Queues', (data.queues ?? []).length ? h('ul', { class: 'stack-tight' }, data.queues.map((queue) => h('li', { class: 'between' }, h('a', { href: to('queues', queue) }, queue), may('worker.consumers') ? h('button', { onclick: () => cancelConsumer(data, queue, again) }, 'Stop consuming …') : null))) : empty('It consumes nothing', 'Or it has not said what.'), { at: data.as_of, actions: may('worker.consumers') ? h('button', { onclick: () => addConsumer(data, again) }, 'Add …') : null });

const limitColumns = (data, again) => [
  { title: 'Task', kind: 'main', value: (it) => it.name, cell: (it) => h('a', { href: to('names', it.name) }, it.name) },
  { title: 'Rate', show: true, cell: (it) => it.rate_limit ?? 'none' },
  { title: 'Soft limit', show: true, label: 'soft', cell: (it) => duration(it.soft_time_limit) },
  { title: 'Hard limit', show: true, label: 'hard', cell: (it) => duration(it.time_limit) },
  { kind: 'act', cell: (it) => (may('worker.limits') ? h('button', { class: 'plain', 'aria-label': `Set limits of ${it.name}`, onclick: () => limits(data, it.name, again) }, 'Set') : null) },
];

const tasksTab = (data, again) => {
  const known = new Map((value(data.limits) ?? []).map((it) => [it.task, it]));
  const list = (value(data.registered) ?? [...known.keys()]).map((name) => String(name).split(' [')[0]).map((name) => ({ name, ...known.get(name) }));
  return part('Tasks it can run', data.registered ?? data.limits, () => table('Registered tasks', () => list, { columns: limitColumns(data, again), sort: 'Task', none: () => empty('None', 'It has registered no task.') }), { tight: true, actions: may('worker.limits') ? h('button', { onclick: () => limits(data, '', again) }, 'Set limits …') : null });
};

const poolTab = (data, again) => {
  const step = (by) => () => resize(data, by, again).catch((error) => say(error.message, { level: 'bad' }));
  return [
    card('Slots', [facts([['Pool', data.pool], ['Slots', count(data.slots)], ['Busy', [meter(data.busy, data.slots, 'Busy'), ` ${count(data.busy)}`]], ['Prefetch', count(data.prefetch)]]), may('worker.pool') ? h('div', { class: 'line spaced' }, h('button', { onclick: step(1) }, 'One more slot'), h('button', { onclick: step(-1), disabled: data.slots === 1 }, 'One fewer slot'), h('button', { onclick: () => autoscale(data, again) }, 'Autoscale …'), h('button', { class: 'danger', onclick: () => restart(data, again) }, 'Restart the pool …')) : null], { at: data.as_of }),
    part('What it says about itself', data.stats, (stats) => block('Statistics', json(stats))),
  ];
};

const configTab = (data) => [
  (data.diff ?? []).length
    ? card('Differs from most others', table('Differences', () => data.diff, { columns: [{ title: 'Setting', kind: 'main', cell: (it) => h('code', it.setting) }, { title: 'Here', show: true, label: 'here', cell: (it) => cut(json(it.mine ?? null) ?? 'none', 120) }, { title: 'Most others', show: true, label: 'most', cell: (it) => cut(json(it.majority ?? null) ?? 'none', 120) }], key: (it) => it.setting }), { tight: true })
    : null,
  part('Settings that are not the default', data.conf, (conf) => block('Settings', json(conf))),
];

/** The page. */
export default ({ worker: name }) => {
  const source = resource(() => path('workers', name), { every: 3, on: (change) => !change.workers || change.workers.includes(name) });
  const tab = parameter('tab');
  const again = source.again;
  const isThere = () => source.data() && source.data().status !== 'offline';
  return [
    head(name, {
      crumb: { href: to('workers'), text: 'Workers' },
      sub: () => [source.data() ? workerChip(source.data().status) : null, source.data() ? h('span', `${{ rust: 'Rust', python: 'Python' }[source.data().kind] ?? ''} ${source.data().version ?? ''}`) : null, age(source.at, 15)],
      actions: () => [h('a', { class: 'button', href: toQuery(['tasks'], { q: `worker:${name}` }) }, 'Its tasks'), isThere() && may('worker.shutdown') ? [h('button', { class: 'danger', onclick: () => drain(source.data.peek(), again) }, 'Drain …'), h('button', { class: 'danger', onclick: () => shutdown(source.data.peek(), again) }, 'Shut down …')] : null],
    }),
    shown(source, (data) => [
      () => (data().silent ? notice('warn', h('p', { class: 'strong' }, 'It does not answer'), h('p', typeof data().silent === 'string' ? data().silent : 'What is shown is what it said last.')) : null),
      () => (data().status === 'lost' ? notice('bad', h('p', { class: 'strong' }, 'Its heartbeats stopped, and it said no goodbye'), h('p', `Last heard ${duration(data().heartbeat_age)} ago. What it held is delivered again when the broker’s visibility timeout, or its connection, ends.`)) : null),
      card('Now', () => h('div', { class: 'columns' }, facts([['Busy', [meter(data().busy, data().slots, 'Busy'), ` ${count(data().busy)} of ${count(data().slots)}`]], ['Rate', rate(data().rate)], ['Processed', count(data().processed)]]), facts([['Load', (data().load ?? []).map(number).join('  ')], ['Memory', bytes(data().memory)], ['Up', duration(data().uptime)]]), facts([['Heard', `${duration(data().heartbeat_age)} ago`], ['Clock ahead by', duration(data().clock_skew)], ['Pool', data().pool]])), { at: data().as_of }),
      tabs('Parts', tab, { now: ['Now', () => h('div', { class: 'stack' }, nowTab(data()))], queues: ['Queues', () => queuesTab(data(), again)], tasks: ['Tasks and limits', () => tasksTab(data(), again)], pool: ['Pool', () => h('div', { class: 'stack' }, poolTab(data(), again))], config: ['Settings', () => h('div', { class: 'stack' }, configTab(data()))] }),
    ]),
  ];
};
