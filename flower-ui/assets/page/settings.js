// How the board itself does, how this browser shows it, and who may do what.

import { may, path, post, session } from '../core/api.js';
import { h } from '../core/dom.js';
import { keep } from '../core/kept.js';
import { resource } from '../core/resource.js';
import { prefix } from '../core/router.js';
import { bytes, count, duration, json, percent, time } from '../core/format.js';
import { block } from '../part/copy.js';
import { ask, field, show } from '../part/dialog.js';
import { age, empty, notice, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { areOn, turn } from '../part/keys.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';
import { choose, theme } from '../part/theme.js';

const pick = (label, current, options, take) =>
  field(label, h('select', { value: current, onchange: (event) => take(event.target.value) }, options.map(([value, text]) => h('option', { value }, text))));

const density = (value) => {
  if (value === 'dense') delete document.documentElement.dataset.density;
  else document.documentElement.dataset.density = value;
  keep('density', value === 'dense' ? null : value);
};

const preferences = () => [
  h('div', { class: 'fields' }, pick('Theme', theme.peek(), [['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']], choose), pick('Rows', document.documentElement.dataset.density ?? 'dense', [['dense', 'Dense'], ['comfortable', 'Comfortable']], density)),
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

const words = (text) => text.split(/[\s,]+/).filter(Boolean);

/** What somebody may do, in words. */
const rights = (it) => {
  const limits = (of) => [of.queues ? `queues ${of.queues.join(', ')}` : '', of.tasks ? `tasks ${of.tasks.join(', ')}` : ''].filter(Boolean).join(' and ');
  const of = (what, limit) => (limit ? `${what} for ${limit}` : what);
  return [...(it.role ? [of(it.role, limits(it))] : []), ...(it.grants ?? []).map((grant) => of(grant.allow.join(', '), limits(grant)))].join('; ') || 'nothing';
};

const create = (again) => {
  const [name, role, days, queues, tasks] = [
    h('input', { autocomplete: 'off', required: true }),
    h('select', { value: 'viewer' }, ['viewer', 'operator', 'admin'].map((value) => h('option', { value }, value))),
    h('input', { type: 'number', min: '1', value: '90' }),
    h('input', { autocomplete: 'off', placeholder: 'all' }),
    h('input', { autocomplete: 'off', placeholder: 'all' }),
  ];
  const act = async () => {
    const limits = { ...(words(queues.value).length ? { queues: words(queues.value) } : {}), ...(words(tasks.value).length ? { tasks: words(tasks.value) } : {}) };
    const made = await post(path('tokens'), { name: name.value, role: role.value, days: days.value === '' ? null : Number(days.value), ...limits });
    again();
    show('The token', () => [h('p', 'Copy it now: it is shown this once. Programs send it as '), h('p', h('code', 'Authorization: Bearer …')), block('Token', made.token)]);
  };
  ask({
    title: 'New token', action: 'Create', act,
    body: h('div', { class: 'fields' }, field('Name', name, 'Stands in the audit log'), field('Role', role), field('Days', days, 'Empty: it does not end'), field('Only queues', queues, 'Patterns, such as report*'), field('Only tasks', tasks, 'Patterns, such as shop.*')),
  });
};

const revoke = (what, where, again) => h('button', { type: 'button', 'aria-label': `Revoke ${what}`, onclick: () => ask({ title: `Revoke ${what}?`, action: 'Revoke', danger: true, body: h('p', 'It is refused from the next request on.'), act: async () => { await post(where); again(); } }) }, 'Revoke');

const tokenColumns = (again) => [
  { title: 'Token', kind: 'main', cell: (it) => it.name },
  { title: 'May', kind: 'text', show: true, cell: rights },
  { title: 'Made by', cell: (it) => it.by },
  { title: 'Ends', show: true, label: 'ends', cell: (it) => (it.expires ? time(it.expires) : 'never') },
  { kind: 'act', cell: (it) => revoke(`token ${it.name}`, path('tokens', it.id, 'revoke'), again) },
];

const sessionColumns = (again) => [
  { title: 'Who', kind: 'main', cell: (it) => (it.current ? `${it.user} (this browser)` : it.user) },
  { title: 'From', show: true, cell: (it) => it.from ?? '–' },
  { title: 'Browser', kind: 'text', cell: (it) => it.agent ?? '–' },
  { title: 'Since', cell: (it) => when(it.began) },
  { title: 'Last asked', show: true, cell: (it) => (it.seen ? when(it.seen) : '–') },
  { kind: 'act', cell: (it) => revoke(`session of ${it.user}`, path('sessions', it.id, 'revoke'), again) },
];

const userColumns = [
  { title: 'User', kind: 'main', cell: (it) => it.name },
  { title: 'May', kind: 'text', show: true, cell: rights },
  { title: 'Password', cell: (it) => it.password },
];

/** Tokens, sessions and users, for those who may see them. */
const access = () => {
  const tokens = resource(() => (may('admin') ? path('tokens') : null), { every: 30 });
  const users = resource(() => (may('admin') ? path('users') : null));
  const sessions = resource(() => (session()?.authenticates ? path('sessions') : null), { every: 30 });
  return [
    h('h2', 'Access'),
    () => (may('admin') ? card('Tokens for programs', shown(tokens, (data) => [
      data().note ? h('p', { class: 'hint note-line' }, data().note) : null,
      table('Tokens', () => data().tokens, { columns: tokenColumns(tokens.again), key: (it) => it.id, none: () => empty('There are no tokens', 'A program shows a token instead of a password; it may do what is granted to it, and can be revoked by itself.') }),
    ]), { actions: h('button', { type: 'button', onclick: () => create(tokens.again) }, 'New token'), tight: true }) : null),
    () => (session()?.authenticates ? card('Sessions', shown(sessions, (data) => table('Sessions', () => data().sessions, { columns: sessionColumns(sessions.again), key: (it) => it.id, none: () => empty('There are no sessions', 'Who logs in with a password, a proxy or a token has none.') })), { tight: true }) : null),
    () => (may('admin') ? card('Users', shown(users, (data) => [
      h('p', { class: 'hint note-line' }, data().note),
      table('Users', () => data().users, { columns: userColumns, key: (it) => it.name }),
    ]), { tight: true }) : null),
  ];
};

/** The page. */
export default () => {
  const source = resource(() => path('health'), { every: 5 });
  return [
    head('Settings', { sub: age(source.at, 15) }),
    h('div', { class: 'columns' },
      card('This browser', preferences),
      card('Who you are', () => {
        const who = session();
        return who ? facts([['Name', who.user ?? 'nobody was asked'], ['Role', who.role], ['May', (who.permissions ?? []).join(', ') || 'nothing'], ['Only for', (who.limits ?? []).map((it) => rights({ grants: [it] })).join('; ')], ['Changes', who.read_only ? 'none: the board is read-only' : null], ['Broker', who.environment?.broker], ['Results', who.environment?.backend ?? 'no result backend'], ['Version', who.version]]) : null;
      }),
      card('For programs', h('ul', { class: 'stack-tight' }, [['api/v1/openapi.json', 'Description of the API'], ['metrics', 'Metrics, for Prometheus'], ['healthcheck', 'Health check'], ['status', 'Status without script']].map(([where, text]) => h('li', h('a', { href: `${prefix}/${where}`, 'data-plain': true }, text))))),
    ),
    access(),
    h('h2', 'Health'),
    shown(source, (data) => [
      h('div', { class: 'columns' }, card('Broker', () => broker(data().broker ?? {}), { at: source.at }), card('Events', () => coverage(data().coverage ?? {}), { at: source.at }), card('Store', () => store(data().store ?? {}), { at: source.at })),
      card('Board and limits', () => block('As the API tells', json({ board: data().board, limits: data().limits }))),
    ]),
  ];
};
