// How the board itself does, and how this browser shows it.

import { path, session } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { prefix } from '../core/router.js';
import { bytes, count, duration, json, percent, time } from '../core/format.js';
import { block } from '../part/copy.js';
import { field } from '../part/dialog.js';
import { age, notice, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { areOn, turn } from '../part/keys.js';
import { choose, theme } from '../part/theme.js';

const ask = (label, current, options, take) =>
  field(label, h('select', { value: current, onchange: (event) => take(event.target.value) }, options.map(([value, text]) => h('option', { value }, text))));

const density = (value) => {
  if (value === 'dense') delete document.documentElement.dataset.density;
  else document.documentElement.dataset.density = value;
  localStorage.setItem('taskq.density', value === 'dense' ? '' : value);
};

const preferences = () => [
  h('div', { class: 'fields' }, ask('Theme', theme.peek(), [['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']], choose), ask('Rows', document.documentElement.dataset.density ?? 'dense', [['dense', 'Dense'], ['comfortable', 'Comfortable']], density)),
  h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: areOn(), onchange: (event) => turn(event.target.checked) }), 'Keys act (press ? for the list)'),
];

const coverage = (it) => [
  facts([['Events seen', percent(it.share)], ['Tasks started, by workers’ counts', count(it.expected)], ['Of those seen', count(it.seen)], ['Events taken in', count(it.events)], ['Gaps', count(it.gaps)], ['Not readable', count(it.garbage)], ['From the future', count(it.future)], ['Behind by', duration(it.lag)], ['Last event', time(it.last_event)], ['Learnt after an outage', count(it.backfilled)]]),
  (it.outages ?? []).length ? h('div', h('h3', 'Nothing was heard'), h('ul', { class: 'small' }, it.outages.slice(-8).map(([from, till]) => h('li', `${time(from)} – ${till ? time(till) : 'still'}`)))) : null,
];

const store = (it) => [
  it.error ? notice('bad', h('p', { class: 'strong' }, 'The store cannot be written'), h('p', it.error)) : null,
  it.set_aside ? notice('warn', h('p', `A file that could not be read was set aside as ${it.set_aside}`)) : null,
  facts([['File', it.path ?? 'in memory only: history ends with the process'], ['Size', bytes(it.bytes)], ['Tasks', count(it.tasks)], ['Oldest', time(it.oldest)], ['Waiting to be written', count(it.waiting)], ['Last write took', duration(it.flush)], ['Deleted by age or size', count(it.deleted)], ['Given up', count(it.dropped)]]),
];

const broker = (it) => [
  it.connected === false ? notice('bad', h('p', { class: 'strong' }, 'Not connected'), h('p', it.error ?? 'The board goes on trying.')) : null,
  facts([['State', it.connected ? 'connected' : 'not connected'], ['Since', time(it.since)], ['Probe took', duration(it.probe)], ['Lost so far', count(it.losses)]]),
];

/** The page. */
export default () => {
  const source = resource(() => path('health'), { every: 5 });
  return [
    head('Settings', { sub: age(source.at, 15) }),
    h('div', { class: 'columns' },
      card('This browser', preferences),
      card('Who you are', () => {
        const who = session();
        return who ? facts([['Name', who.user ?? 'nobody was asked'], ['Role', who.role], ['May', who.read_only ? 'look only' : (who.permissions ?? []).join(', ') || 'look only'], ['Broker', who.environment?.broker], ['Results', who.environment?.backend ?? 'no result backend'], ['Version', who.version]]) : null;
      }),
      card('For programs', h('ul', { class: 'stack-tight' }, [['api/v1/openapi.json', 'Description of the API'], ['metrics', 'Metrics, for Prometheus'], ['healthcheck', 'Health check'], ['status', 'Status without script']].map(([where, text]) => h('li', h('a', { href: `${prefix}/${where}`, 'data-plain': true }, text))))),
    ),
    h('h2', 'Health'),
    shown(source, (data) => [
      h('div', { class: 'columns' }, card('Broker', () => broker(data().broker ?? {}), { at: source.at }), card('Events', () => coverage(data().coverage ?? {}), { at: source.at }), card('Store', () => store(data().store ?? {}), { at: source.at })),
      card('Board and limits', () => block('As the API tells', json({ board: data().board, limits: data().limits }))),
    ]),
  ];
};
