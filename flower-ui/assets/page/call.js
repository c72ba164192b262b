// Sends a task.

import { may, path, post, session } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { go, to } from '../core/router.js';
import { signal, untracked } from '../core/signal.js';
import { count, cut, json } from '../core/format.js';
import { field } from '../part/dialog.js';
import { empty, notice, trouble } from '../part/notice.js';
import { card, head } from '../part/page.js';
import { say } from '../part/toast.js';

const parse = (control, what, isRight, form) => {
  let value;
  try {
    value = JSON.parse(control.value);
  } catch (error) {
    control.setAttribute('aria-invalid', 'true');
    control.focus();
    throw Object.assign(new Error(error.message), { title: `${what} cannot be read`, fix: 'It is JSON: strings and names stand in double quotes.' });
  }
  control.removeAttribute('aria-invalid');
  if (!isRight(value)) throw Object.assign(new Error(''), { title: `${what} must be ${form}` });
  return value;
};

/** The page, once it is known who looks. */
export default ({ name = '' }) => [
  head('Call a task', { crumb: { href: to('tasks'), text: 'Tasks' } }),
  () => {
    if (!session()) return null;
    if (may('task.call')) return untracked(() => form(name));
    return notice('info', 'You may not call tasks: the board is read-only, or you lack the permission task.call.');
  },
];

const form = (name) => {
  const names = resource(() => path('names'));
  const [chosen, problem, busy] = [signal(name), signal(null), signal(false)];
  const known = resource(() => (chosen() ? path('calls', chosen()) : null));
  const task = h('input', { required: true, list: 'names', value: name, autocomplete: 'off', spellcheck: 'false', onchange: (event) => chosen.set(event.target.value.trim()) });
  const [args, kwargs] = [h('textarea', { class: 'code', spellcheck: 'false', value: '[]' }), h('textarea', { class: 'code', spellcheck: 'false', value: '{}' })];
  const queue = h('input', { list: 'queues', placeholder: 'as routed' });
  const [countdown, expires, priority] = [h('input', { type: 'number', min: '0', step: 'any' }), h('input', { type: 'number', min: '0', step: 'any' }), h('input', { type: 'number', min: '0', max: '255' })];
  const eta = h('input', { type: 'datetime-local' });
  const send = async (event) => {
    event.preventDefault();
    busy.set(true);
    problem.set(null);
    try {
      const body = {
        name: task.value.trim(),
        args: parse(args, 'Arguments', Array.isArray, 'a list, such as [1, "a"]'),
        kwargs: parse(kwargs, 'Keyword arguments', (value) => value !== null && typeof value === 'object' && !Array.isArray(value), 'an object, such as {"a": 1}'),
        ...(queue.value ? { queue: queue.value } : {}),
        ...(countdown.value ? { countdown: Number(countdown.value) } : {}),
        ...(eta.value ? { eta: new Date(eta.value).toISOString() } : {}),
        ...(expires.value ? { expires: Number(expires.value) } : {}),
        ...(priority.value ? { priority: Number(priority.value) } : {}),
      };
      const answer = await post(path('calls'), body);
      say('Sent');
      if (answer?.id) go(to('tasks', answer.id));
    } catch (error) {
      problem.set(error);
    } finally {
      busy.set(false);
    }
  };
  const fill = (seen) => () => {
    for (const [control, given] of [[args, seen.args], [kwargs, seen.kwargs]]) if (given !== undefined && given !== null) control.value = json(given);
  };
  const help = () => {
    const data = known.data();
    if (!data) return empty('Pick a task', 'What is known of its arguments appears here.');
    return [
      (data.registered_by ?? []).length === 0 ? notice('warn', 'No worker that answers knows this task: it would be refused or wait.') : h('p', `Known to ${data.registered_by.join(', ')}.`),
      data.params?.length ? h('div', h('h3', 'Parameters'), h('ul', { class: 'mono small' }, data.params.map((it) => h('li', typeof it === 'string' ? it : [it.name, it.type ? `: ${it.type}` : '', it.default !== undefined ? ` = ${json(it.default)}` : ''].join(''))))) : null,
      data.seen_args?.length ? h('div', h('h3', 'Seen lately'), h('ul', { class: 'stack-tight' }, data.seen_args.slice(0, 8).map((it) => h('li', { class: 'between small' }, h('code', cut(typeof it === 'string' ? it : [it.args, it.kwargs].filter(Boolean).map(json).join(' '), 90)), typeof it === 'string' ? null : h('button', { type: 'button', onclick: fill(it) }, it.count ? `Use (seen ${count(it.count)} ×)` : 'Use'))))) : null,
    ];
  };
  return h('div', { class: 'two' },
      card('Message', h('form', { class: 'stack', onsubmit: send },
        field('Task', task), h('datalist', { id: 'names' }, () => (names.data()?.names ?? []).map((it) => h('option', { value: it.name }))),
        field('Arguments', args, 'A JSON list'), field('Keyword arguments', kwargs, 'A JSON object'),
        h('datalist', { id: 'queues' }, () => (known.data()?.queues ?? []).map((it) => h('option', { value: it.name ?? it }))),
        h('div', { class: 'fields' }, field('Queue', queue), field('Countdown', countdown, 'Seconds'), field('Not before', eta, 'In your time zone'), field('Expires', expires, 'Seconds from now'), field('Priority', priority)),
        () => (problem() ? trouble(problem()) : null),
        h('div', { class: 'line' }, h('button', { class: 'primary', type: 'submit', disabled: busy }, () => (busy() ? 'Sending …' : 'Send'))),
      )),
      card('What is known', help),
  );
};
