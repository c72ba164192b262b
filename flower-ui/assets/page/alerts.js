// Rules, what fires, who is told, and what is silenced.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { now } from '../core/live.js';
import { resource } from '../core/resource.js';
import { here } from '../core/router.js';
import { ago, duration, moment, number, time } from '../core/format.js';
import { channel, rule, ruleText, silence } from '../part/alert.js';
import { ask } from '../part/dialog.js';
import { age, empty, shown } from '../part/notice.js';
import { card, head } from '../part/page.js';
import { when } from '../part/rows.js';
import { table } from '../part/table.js';
import { say } from '../part/toast.js';

const level = (it) => h('span', { class: `tag ${it.level === 'bad' ? 'bad' : 'warn'}` }, it.level === 'bad' ? 'bad' : 'warning');

const gone = (where, title, text, done) => ask({ title, body: h('p', text), action: 'Delete', danger: true, act: async () => {
  await post(where);
  say('Deleted');
  done();
} });

const firingColumns = (again) => [
  { title: 'What', kind: 'main', cell: (it) => h('a', { href: here(it.link) }, it.text) },
  { title: 'Level', show: true, cell: (it) => [level(it), it.silenced ? [' ', h('span', { class: 'tag' }, 'silenced')] : null, it.fires ? null : [' ', h('span', { class: 'tag' }, 'not for long enough yet')]] },
  { title: 'Since', show: true, cell: (it) => when(it.since) },
  { kind: 'act', cell: (it) => (may('alert.edit') && !it.silenced ? h('button', { type: 'button', 'aria-label': `Silence: ${it.text}`, onclick: () => silence(it, again) }, 'Silence …') : null) },
];

const ruleColumns = (data, again) => [
  { title: 'Rule', kind: 'main', cell: (it) => (may('alert.edit') ? h('button', { type: 'button', class: 'link', onclick: () => rule(data(), it, again) }, it.name) : it.name) },
  { title: 'Fires when', kind: 'text', show: true, cell: ruleText },
  { title: 'Now', kind: 'number', show: true, label: 'now', cell: (it) => (it.error ? h('span', { class: 'bad', title: it.error }, 'cannot be read') : it.enabled ? number(it.number) : 'off') },
  { title: 'Tells', cell: (it) => data().channels.filter((one) => it.channels.includes(one.id)).map((one) => one.name).join(', ') || 'nobody' },
  { title: 'By', cell: (it) => it.user },
  { kind: 'act', cell: (it) => (may('alert.edit') ? h('button', { type: 'button', class: 'danger', 'aria-label': `Delete the rule ${it.name}`, onclick: () => gone(path('alerts', 'rules', it.id, 'delete'), `Delete the rule ${it.name}?`, 'What it said in the past stays listed.', again) }, 'Delete …') : null) },
];

const channelColumns = (again) => [
  { title: 'Channel', kind: 'main', cell: (it) => it.name },
  { title: 'To', kind: 'text mono', show: true, cell: (it) => it.url },
  { title: 'As', cell: (it) => `${it.format === 'slack' ? 'Slack text' : 'JSON'}${it.signed ? ', signed' : ''}` },
  { title: 'Built-in rules', cell: (it) => (it.builtin ? 'yes' : 'no') },
  { title: 'Told last', show: true, cell: (it) => (it.last ? [when(it.last.at), it.last.error ? h('span', { class: 'bad' }, ` ${it.last.error}`) : null] : 'not yet') },
  { kind: 'act', cell: (it) => (may('alert.edit') ? h('button', { type: 'button', class: 'danger', 'aria-label': `Delete the channel ${it.name}`, onclick: () => gone(path('alerts', 'channels', it.id, 'delete'), `Delete the channel ${it.name}?`, 'Rules that name it tell nobody through it.', again) }, 'Delete …') : null) },
];

const silenceColumns = (again) => [
  { title: 'Rule', kind: 'main', cell: (it) => it.rule },
  { title: 'Only', kind: 'text', cell: (it) => it.link || 'all of it' },
  { title: 'Until', show: true, cell: (it) => h('span', { title: moment(it.until) }, () => `${time(it.until)}, ${ago(it.until, now())}`) },
  { title: 'Why', kind: 'text', cell: (it) => it.note ?? '–' },
  { title: 'By', cell: (it) => it.user },
  { kind: 'act', cell: (it) => (may('alert.edit') ? h('button', { type: 'button', 'aria-label': `End the silence of ${it.rule}`, onclick: () => post(path('alerts', 'silences', it.id, 'delete')).then(() => (say('It is told again'), again()), (error) => say(error.message, { level: 'bad' })) }, 'End') : null) },
];

const pastColumns = [
  { title: 'What', kind: 'main', cell: (it) => h('a', { href: here(it.link) }, it.text) },
  { title: 'Became', show: true, cell: (it) => (it.what === 'fired' ? level(it) : h('span', { class: 'tag good' }, 'over')) },
  { title: 'When', show: true, cell: (it) => when(it.at) },
  { title: 'Lasted', kind: 'number', cell: (it) => (it.what === 'resolved' ? duration(it.at - it.since) : '–') },
  { title: 'Told', cell: (it) => (it.silenced ? 'nobody: silenced' : it.told ? it.told.join(', ') || 'nobody' : '–') },
];

/** The page. */
export default () => {
  const source = resource(() => path('alerts'), { every: 5 });
  const again = source.again;
  return [
    head('Alerts', { sub: age(source.at, 15), actions: () => (may('alert.edit') && source.data() ? [h('button', { type: 'button', onclick: () => channel(again) }, 'Add a channel …'), h('button', { type: 'button', class: 'primary', onclick: () => rule(source.data.peek(), null, again) }, 'Add a rule …')] : null) }),
    shown(source, (data) => [
      card('Firing now', table('Firing now', () => data().firing, { columns: firingColumns(again), key: (it) => `${it.rule} ${it.link}`, none: () => empty('Nothing', 'No rule finds anything wrong.') }), { tight: true, at: source.at }),
      card('Own rules', table('Own rules', () => data().rules, { columns: ruleColumns(data, again), key: (it) => it.id, none: () => empty('No rule yet', 'The built-in rules below work without any. A rule of your own counts tasks that match a query, or looks at a number.') }), { tight: true }),
      card('Channels', table('Channels', () => data().channels, { columns: channelColumns(again), key: (it) => it.id, none: () => empty('Nobody is told', 'Alerts are shown here and on the overview. A channel posts them to an address, too. Commands are never run.') }), { tight: true }),
      () => (data().silences.length ? card('Silenced', table('Silenced', () => data().silences, { columns: silenceColumns(again), key: (it) => it.id }), { tight: true }) : null),
      card('Past', table('Past', () => data().past, { columns: pastColumns, key: (it) => `${it.at} ${it.rule} ${it.link} ${it.what}`, none: () => empty('Nothing has fired', 'What fires, and when it is over, is written here.') }), { tight: true }),
      card('Built-in rules', h('ul', { class: 'stack-tight' }, data().builtin.map((it) => h('li', h('code', it.rule), ` ${it.text}`)))),
    ]),
  ];
};
