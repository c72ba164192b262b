// Free charts: pick a measure, split it, and compare with the time before.

import { path, query } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { parameter, prefix } from '../core/router.js';
import { signal } from '../core/signal.js';
import { number, rate, duration, count } from '../core/format.js';
import { chart } from '../part/chart.js';
import { block } from '../part/copy.js';
import { field } from '../part/dialog.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, head } from '../part/page.js';

const SPANS = { 900: '15 minutes', 3600: '1 hour', 21600: '6 hours', 86400: '24 hours', 604800: '7 days', 2592000: '30 days' };
/** What can be measured, by which it can be split, how it is shown, and the same for Prometheus. */
const MEASURES = {
  throughput: { title: 'Tasks ended', splits: ['', 'state', 'name', 'queue'], format: rate, promql: 'sum(rate(flower_events_total{type=~"task-(succeeded|failed|revoked|rejected)"}[5m]))' },
  failures: { title: 'Tasks failed', splits: ['', 'name', 'queue'], format: rate, promql: 'sum(rate(flower_events_total{type="task-failed"}[5m]))' },
  wait: { title: 'Time waited', splits: ['', 'name', 'queue'], format: duration, promql: 'flower_task_prefetch_time_seconds' },
  run: { title: 'Time run', splits: ['', 'name', 'queue'], format: duration, promql: 'histogram_quantile(0.95, sum by (le) (rate(flower_task_runtime_seconds_bucket[5m])))' },
  depth: { title: 'Messages waiting', splits: ['queue'], format: count, promql: 'taskq_queue_messages' },
};
const SPLITS = { '': 'not at all', state: 'state', name: 'task name', queue: 'queue' };

const choice = (label, value, options, take) => field(label, h('select', { value, onchange: (event) => take(event.target.value) }, options.map(([key, text]) => h('option', { value: key }, text))));

// The span before, moved onto this one.
const laid = (now, before) => {
  if (!before) return now;
  const earlier = before.lines.map((line) => ({ ...line, key: `before ${line.key}`, label: `${line.label || line.key}, before`, earlier: true, points: now.lines[0] ? line.points.slice(0, now.lines[0].points.length) : line.points }));
  return { ...now, lines: [...now.lines, ...earlier] };
};

const total = (data) => {
  const values = data.lines.flatMap((line) => line.points).filter((value) => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
};

/** The page. */
export default () => {
  const [measure, split, span, name, queue, compare] = [parameter('measure', 'throughput'), parameter('split'), parameter('span', '3600'), parameter('name'), parameter('queue'), parameter('compare')];
  const chosen = () => MEASURES[measure()] ?? MEASURES.throughput;
  const by = () => (chosen().splits.includes(split()) ? split() : chosen().splits[0]);
  const url = (back) => {
    const [seconds, now] = [Number(span()), Math.floor(Date.now() / 1000)];
    return `${path('series')}${query({ measure: measure(), split: by(), name: name(), queue: queue(), points: 240, from: now - seconds * (back + 1), to: back ? now - seconds * back : '' })}`;
  };
  const source = resource(() => url(0), { every: 10 });
  const before = resource(() => (compare() ? url(1) : null), { every: 60 });
  const names = resource(() => path('names'));
  const queues = resource(() => path('queues'));
  const table = signal(false);
  const both = () => laid(source.data(), compare() ? before.data() : null);
  const change = () => {
    const [now, was] = [source.data() && total(source.data()), before.data() && total(before.data())];
    if (!compare() || now === null || was === null || !was) return null;
    const share = now / was - 1;
    return h('p', { class: 'hint' }, `On average ${chosen().format(now)}, ${chosen().format(was)} in the time before: ${share >= 0 ? '+' : '−'}${number(Math.abs(share) * 100)} %.`);
  };
  return [
    head('Metrics', { sub: age(source.at, 40), actions: h('a', { class: 'button', href: `${prefix}/metrics`, 'data-plain': true, target: '_blank' }, 'For Prometheus') }),
    card('What is shown', () => [
      h('div', { class: 'fields' },
        choice('Measure', measure(), Object.entries(MEASURES).map(([key, { title }]) => [key, title]), measure.set),
        choice('Split by', by(), chosen().splits.map((key) => [key, SPLITS[key]]), split.set),
        choice('Over the last', span(), Object.entries(SPANS), span.set),
        measure() === 'depth' ? null : choice('Only the task', name(), [['', 'all'], ...(names.data()?.names ?? []).map((it) => [it.name, it.name])], name.set),
        choice('Only the queue', queue(), [['', 'all'], ...(queues.data()?.queues ?? []).map((it) => [it.name, it.name])], queue.set),
      ),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: compare() !== '', onchange: (event) => compare.set(event.target.checked ? 'yes' : '') }), 'Beside the time before'),
    ]),
    card('Chart', [
      shown(source, () => [
        () => (source.data().note ? notice('info', source.data().note) : null),
        () => (source.data().lines.length ? chart(chosen().title, both, { kind: by() && measure() === 'throughput' && !compare() ? 'areas' : 'lines', height: 300, format: chosen().format, table }) : empty('Nothing to draw', 'Nothing was heard in that time, or what is asked for is not kept.')),
        change,
      ], 'Reading history …'),
    ], { at: source.at }),
    card('For Prometheus', () => block('PromQL, near to this chart', chosen().promql)),
  ];
};
