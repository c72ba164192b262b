// Rules of alerts, and who is told.

import { path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { signal } from '../core/signal.js';
import { duration, json, many, number } from '../core/format.js';
import { ask, field } from './dialog.js';
import { notice, trouble } from './notice.js';
import { say } from './toast.js';

const MEASURES = { throughput: 'tasks ended a second', failures: 'tasks that failed', failure_rate: 'share that failed (0 to 1)', wait: 'wait, p95, in seconds', run: 'run, p95, in seconds', depth: 'messages waiting', oldest: 'age of the oldest message, in seconds' };

/** When it fires, as a sentence. */
export const ruleText = (it) => {
  const what = it.query ? `tasks that match ${it.query}` : (MEASURES[it.measure] ?? it.measure);
  const of = [it.task, it.queue].filter(Boolean).join(', ');
  return `${what}${of ? ` of ${of}` : ''} ${it.op === '<' ? 'less' : 'more'} than ${number(it.value)} in ${duration(it.window)}${it.for ? `, for ${duration(it.for)}` : ''}`;
};

const select = (value, options) => h('select', { value }, options.map(([key, text]) => h('option', { value: key }, text)));
const input = (value, attributes = {}) => h('input', { value: value ?? '', autocomplete: 'off', ...attributes });
const figure = (value, attributes = {}) => input(value, { type: 'number', step: 'any', ...attributes });

/** Adds a rule, or changes one. */
export const rule = (data, it, done) => {
  const kind = select(it?.measure ? 'measure' : 'query', [['query', 'Tasks that match a query'], ['measure', 'A number']]);
  const name = input(it?.name, { required: true, autofocus: true });
  const query = input(it?.query, { placeholder: 'state:failure name:shop.*', spellcheck: 'false' });
  const measure = select(it?.measure ?? 'failure_rate', data.measures.map((key) => [key, MEASURES[key] ?? key]));
  const [task, queue] = [input(it?.task, { placeholder: 'all' }), input(it?.queue, { placeholder: 'all' })];
  const op = select(it?.op ?? '>', [['>', 'more than'], ['<', 'less than']]);
  const value = figure(it?.value ?? 10, { required: true });
  const [span, hold] = [figure(it?.window ?? 600, { min: '60', max: '604800', required: true }), figure(it?.for ?? 0, { min: '0', required: true })];
  const level = select(it?.level ?? 'warn', [['warn', 'warning'], ['bad', 'bad']]);
  const enabled = h('input', { type: 'checkbox', checked: it?.enabled ?? true });
  const told = data.channels.map((one) => [one.id, h('input', { type: 'checkbox', checked: it?.channels.includes(one.id) ?? true }), one.name]);
  const isQuery = signal(kind.value === 'query');
  kind.addEventListener('change', () => isQuery.set(kind.value === 'query'));
  const body = () => ({
    ...(it ? { id: it.id } : {}), name: name.value, op: op.value, value: Number(value.value), window: Number(span.value), for: Number(hold.value), level: level.value, enabled: enabled.checked,
    channels: told.filter(([, box]) => box.checked).map(([id]) => id),
    ...(kind.value === 'query' ? { query: query.value } : { measure: measure.value, ...(task.value ? { task: task.value } : {}), ...(queue.value ? { queue: queue.value } : {}) }),
  });
  const [tried, problem] = [signal(null), signal(null)];
  const test = (send) => async () => {
    problem.set(null);
    try {
      tried.set(await post(path('alerts', 'test'), { ...body(), name: name.value || 'test', send }));
    } catch (error) {
      problem.set(error);
    }
  };
  const outcome = () => {
    const answer = tried();
    if (!answer) return null;
    return notice(answer.fires ? 'warn' : 'good',
      h('p', `Now ${answer.number === null ? 'not known' : number(answer.number)}: it ${answer.fires ? 'would fire' : 'would not fire'}.${answer.in_seven_days === null ? '' : ` In the last seven days it would have fired ${many(answer.in_seven_days, 'time')}.`}`),
      answer.sent.map((one) => h('p', `${one.channel}: ${one.error ?? `answered ${one.status}`}`)),
      h('details', h('summary', 'What is sent'), h('pre', { class: 'code', tabindex: '0' }, json(answer.payload))));
  };
  ask({
    title: it ? `Rule ${it.name}` : 'Add a rule',
    wide: true,
    body: () => [
      h('div', { class: 'fields' }, field('Name', name), field('Looks at', kind)),
      h('div', { hidden: () => !isQuery() }, field('Query', query, 'Tasks that match, of those told of in the span')),
      h('div', { class: 'fields', hidden: isQuery }, field('Number', measure), field('Only the task', task), field('Only the queue', queue)),
      h('div', { class: 'fields' }, field('Fires at', op), field('Value', value), field('In so many seconds', span), field('For so many seconds', hold), field('Level', level)),
      told.length ? h('fieldset', h('legend', 'Tells'), told.map(([, box, text]) => h('label', { class: 'check' }, box, text))) : h('p', { class: 'hint' }, 'No channel yet: it is shown on this page and on the overview.'),
      h('label', { class: 'check' }, enabled, 'On'),
      h('div', { class: 'line' }, h('button', { type: 'button', onclick: test(false) }, 'Test'), told.length ? h('button', { type: 'button', onclick: test(true) }, 'Test and send') : null),
      outcome,
      () => (problem() ? trouble(problem()) : null),
    ],
    action: 'Save',
    act: async () => {
      await post(path('alerts', 'rules'), body());
      say('Saved');
      done();
    },
  });
};

/** Adds somebody who is told. */
export const channel = (done) => {
  const [name, url] = [input('', { required: true, autofocus: true }), input('', { required: true, type: 'url', placeholder: 'https://' })];
  const secret = input('', { type: 'password', autocomplete: 'new-password' });
  const format = select('json', [['json', 'JSON'], ['slack', 'Slack, Mattermost: {"text": …}']]);
  const builtin = h('input', { type: 'checkbox', checked: true });
  ask({
    title: 'Add a channel',
    body: [field('Name', name), field('Address', url, 'Gets a POST'), field('Secret', secret, 'Signs the body: X-Taskq-Signature: sha256=…, an HMAC'), field('Form', format), h('label', { class: 'check' }, builtin, 'Told of the built-in rules, too')],
    action: 'Add',
    act: async () => {
      await post(path('alerts', 'channels'), { name: name.value, url: url.value, secret: secret.value, format: format.value, builtin: builtin.checked });
      say('Added');
      done();
    },
  });
};

/** Tells nobody of it for a while. */
export const silence = (it, done) => {
  const span = select('3600', [['900', '15 minutes'], ['3600', '1 hour'], ['14400', '4 hours'], ['86400', '1 day'], ['604800', '7 days']]);
  const note = input('', { placeholder: 'such as: the provider mends it' });
  const scope = select('link', [['link', 'Only this'], ['', `All of the rule ${it.rule}`]]);
  ask({
    title: 'Silence it?',
    body: [h('p', it.text), h('div', { class: 'fields' }, field('For', span), field('What', scope)), field('Why', note), h('p', { class: 'hint' }, 'It stays listed, and nobody is told.')],
    action: 'Silence',
    act: async () => {
      await post(path('alerts', 'silences'), { rule: it.rule, seconds: Number(span.value), note: note.value, ...(scope.value ? { link: it.link } : {}) });
      say('Silenced');
      done();
    },
  });
};
