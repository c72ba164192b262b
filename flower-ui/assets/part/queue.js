// What can be done to a queue.

import { get, may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { to, toQuery } from '../core/router.js';
import { many } from '../core/format.js';
import { ask } from './dialog.js';
import { menu } from './menu.js';
import { replies } from './reply.js';
import { say } from './toast.js';

/** Lets nobody take from it, or again. */
export const pause = (queue, done) => {
  const verb = queue.paused ? 'resume' : 'pause';
  ask({
    title: queue.paused ? `Resume ${queue.name}?` : `Pause ${queue.name}?`,
    body: h('p', queue.paused ? 'Workers are told to consume it again.' : 'Workers are told to stop consuming it. Tasks that they hold already still run; new ones wait.'),
    action: queue.paused ? 'Resume' : 'Pause',
    act: async () => {
      const answer = await post(path('queues', queue.name, verb));
      say(queue.paused ? `${queue.name} goes on` : `${queue.name} is paused`);
      replies(`${queue.name}: who obeyed`, answer);
      done();
    },
  });
};

/** Removes everything that waits; what is removed is kept for a day. */
export const purge = (queue, done) =>
  ask({
    title: `Purge ${queue.name}?`,
    body: [h('p', h('strong', many(queue.ready, 'message')), ' that wait are removed. Those that workers hold are not.'), queue.in_place === false ? h('p', { class: 'bad' }, 'There is no way back: on this broker, messages cannot be copied without delivering them.') : h('p', { class: 'hint' }, 'A snapshot is taken first, from which they can be restored on the queue’s page.')],
    action: 'Purge',
    danger: true,
    type: queue.name,
    act: async () => {
      const answer = await post(path('queues', queue.name, 'purge'), { confirm: queue.name, ...(queue.in_place === false ? { without_snapshot: true } : {}) });
      say(`${many(answer.removed, 'message')} removed`, answer.snapshot ? { link: { href: to('queues', queue.name), text: 'Restore' } } : {});
      done(answer);
    },
  });

/** Puts a snapshot's messages back. */
export const restore = (queue, snapshot, done) =>
  ask({
    title: `Restore into ${queue.name}?`,
    body: h('p', 'Its messages are put back at the end of the queue.'),
    action: 'Restore',
    act: async () => {
      await post(path('queues', queue.name, 'restore'), { snapshot });
      say('Restored');
      done();
    },
  });

/** Actions of a queue's row. */
export const queueMenu = (item, done) =>
  menu(`Actions of ${item.peek().name}`, () => {
    const queue = item.peek();
    return [
      { text: 'Open', href: to('queues', queue.name) },
      { text: 'Its tasks', href: toQuery(['tasks'], { q: `queue:${queue.name}` }) },
      may('queue.pause') && { text: queue.paused ? 'Resume …' : 'Pause …', act: () => pause(queue, done) },
      may('queue.purge') && { text: 'Purge …', act: () => get(path('queues', queue.name)).then((whole) => purge(whole, done), (error) => say(error.message, { level: 'bad' })), danger: true },
    ];
  });
