// Queues: paused, looked into, emptied, and single messages moved and deleted.

import assert from 'node:assert/strict';

import { ask, button, confirmed, dialog, gone, is, main, page, pick, row, said, send, sorted, state, step, until, visit } from '../pilot.mjs';

const isInPlace = async () => (await ask('/queues/held')).in_place;
// Where looking is a delivery nobody looks unasked.
const looks = async () => {
  if (!(await isInPlace())) await button('Look all the same').click();
};
const consumers = async (queue) => (await ask(`/queues/${queue}`)).consumers;
const box = (id) => main().getByRole('row', { name: new RegExp(id.slice(-8)) }).getByRole('checkbox');
const bar = () => page.getByRole('toolbar', { name: 'What is chosen' });

export const steps = async () => {
  await step('a queue is paused: its consumers go, a task waits, and runs when it goes on', async () => {
    await visit('/queues/rust');
    await confirmed(() => button('Pause …').click(), 'Pause');
    await button('Resume …').waitFor();
    await until('no consumer', async () => (await consumers('rust')).length === 0);
    const id = await send('demo.add', [1, 1], 'rust');
    await visit('/queues');
    const menu = row(/^rust/).getByRole('button', { name: 'Actions of rust' });
    await until('one to wait', async () => (await ask('/queues/rust')).ready === 1);
    assert.equal(await state(id), 'PENDING');
    await confirmed(() => pick(menu, 'Resume …'), 'Resume');
    await is(id, 'SUCCESS');
    await confirmed(() => pick(menu, 'Pause …'), 'Pause');
    await until('no consumer', async () => (await consumers('rust')).length === 0);
    await visit('/queues/rust');
    await confirmed(() => button('Resume …').click(), 'Resume');
    await until('a consumer', async () => (await consumers('rust')).length === 1);
  });

  await step('waiting messages are moved and deleted, and what was taken is told', async () => {
    const [first, second, third] = [await send('demo.add', [1, 2], 'held'), await send('demo.add', [3, 4], 'held'), await send('demo.add', [5, 6], 'held')];
    await until('the queue', async () => (await ask('/queues/held')).ready >= 3);
    await visit('/queues/held');
    await looks();
    await box(first).check();
    await confirmed(() => button('Move …', bar()).click(), 'Move', (inside) => inside.getByLabel('To the queue').selectOption('rust'));
    await said('1 message moved to rust');
    await is(first, 'SUCCESS');
    await box(second).check();
    await confirmed(() => button('Delete …', bar()).click(), 'Delete');
    await said('1 message deleted');
    // While it is looked at, somebody else takes it.
    await box(third).check();
    await page.evaluate(async (force) => {
      const { csrf } = await (await fetch('/api/v1/session')).json();
      const { messages } = await (await fetch(`/api/v1/queues/held/messages${force}`)).json();
      const headers = { 'Content-Type': 'application/json', 'X-Taskq-CSRF': csrf ?? '', 'X-XSRFToken': csrf ?? '' };
      await fetch('/api/v1/queues/held/messages/delete', { method: 'POST', headers, body: JSON.stringify({ keys: messages.map(({ key }) => key) }) });
    }, (await isInPlace()) ? '' : '?force=true');
    await button('Delete …', bar()).click();
    await button('Delete', dialog()).last().click();
    await said('1 message already taken');
    await gone();
    assert.equal(await state(second), 'PENDING');
  });

  await step('a queue is emptied, and put back where that can be', async () => {
    for (let n = 0; n < 2; n += 1) await send('demo.say', ['purged'], 'held');
    await until('two to wait', async () => (await ask('/queues/held')).ready === 2);
    await visit('/queues/held');
    await looks();
    await row(/demo\.say/).first().waitFor();
    await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
    await button('Choose none', bar()).click();
    const typed = (inside) => inside.getByLabel('Type held to go on').fill('held');
    await confirmed(() => button('Purge …').click(), 'Purge', typed);
    await said('2 messages removed');
    await until('nothing to wait', async () => (await ask('/queues/held')).ready === 0);
    if (await isInPlace()) {
      await confirmed(() => button('Restore …').click(), 'Restore');
      await until('two to wait', async () => (await ask('/queues/held')).ready === 2);
    } else await send('demo.say', ['purged'], 'held');
    await visit('/queues');
    const menu = row(/^held/).getByRole('button', { name: 'Actions of held' });
    await confirmed(() => pick(menu, 'Purge …'), 'Purge', typed);
    await until('nothing to wait', async () => (await ask('/queues/held')).ready === 0);
    await sorted(main().getByRole('table', { name: 'Queues' }));
    await pick(menu, 'Its tasks');
    await page.waitForURL(/tasks\?q=queue/);
    await visit('/queues');
    await pick(menu, 'Open');
    await page.waitForURL(/queues\/held/);
    await button('As table').click();
    await button('As chart').click();
    await main().getByRole('link', { name: 'Its tasks' }).click();
    await page.waitForURL(/tasks\?q=queue/);
  });
};
