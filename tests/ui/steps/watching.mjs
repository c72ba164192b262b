// Names, errors, charts, alerts: what is watched.

import { createServer } from 'node:http';

import assert from 'node:assert/strict';

import { all, ask, board, button, confirmed, dialog, gone, heading, main, page, pick, row, said, send, sorted, step, until, visit } from '../pilot.mjs';

const tables = async () => {
  await until('all that is shown', async () => !/Loading …|Reading history …/.test(await main().innerText()));
  for (const name of ['As table', 'As chart']) {
    const left = main().getByRole('button', { name, exact: true });
    for (let count = await left.count(); count > 0; count -= 1) {
      await left.first().click();
      await until(`fewer of ${name}`, async () => (await left.count()) < count);
    }
  }
};

export const steps = async () => {
  await step('the overview says what is wrong, and its charts are tables, too', async () => {
    await send('demo.add', [1, 1], 'held');
    await until('the problem', async () => (await ask('/overview')).problems.some(({ rule }) => rule === 'no_consumer'));
    await visit('/');
    await main().getByRole('link', { name: 'Open' }).first().waitFor();
    for (let at = 0; at < 4; at += 1) {
      await main().getByRole('button', { name: 'As table' }).first().click();
      await main().getByRole('button', { name: 'As chart' }).first().click();
    }
    await main().getByRole('combobox', { name: 'Charts show' }).selectOption('3600');
    await sorted(main().getByRole('table', { name: 'Queues' }));
    await pick(button(/^Actions of/, main().getByRole('table', { name: 'Recent failures' })).first(), 'Open');
    await page.waitForURL(/\/tasks\//);
  });

  await step('names and errors are listed, with their tasks', async () => {
    await visit('/names');
    await sorted(main().getByRole('table').first());
    await visit('/names/shop.always_fails');
    await tables();
    await main().getByRole('link', { name: 'All of them' }).click();
    await page.waitForURL(/tasks\?q=name/);
    await visit('/names/demo.add');
    await main().getByRole('link', { name: 'Call', exact: true }).click();
    await page.waitForURL(`${board}/call/demo.add`);
    await visit('/errors');
    await row(/payment gateway returned/).first().waitFor();
    assert.ok(await main().locator('svg.spark').count(), 'a trend is drawn');
    await sorted(main().getByRole('table').first());
    await main().getByRole('link', { name: /ValueError/ }).first().click();
    await page.waitForURL(/errors\//);
    await heading(/ValueError/);
    await main().getByRole('link', { name: 'Search tasks' }).click();
    await page.waitForURL(/tasks\?q=error/);
  });

  await step('a chart is chosen, and laid beside the time before', async () => {
    await visit('/charts');
    await main().locator('.chart svg').first().waitFor();
    await page.getByLabel('Measure').selectOption('run');
    await button('As table').click();
    await button('As chart').waitFor();
    await page.getByLabel('Split by').selectOption('name');
    await page.waitForURL(/measure=run.*split=name/);
    await main().locator('.legend').getByText('demo.add').waitFor();
    assert.ok(await main().locator('.chart table').count(), 'it is still a table when it is drawn anew');
    await button('As chart').click();
    await page.getByLabel('Split by').selectOption('');
    await page.getByLabel('Only the task').selectOption('demo.add');
    await page.waitForURL(/name=demo.add/);
    await page.getByLabel('Beside the time before').check();
    await main().locator('.chart .path.earlier').first().waitFor({ state: 'attached' });
    await tables();
    await button('Copy PromQL, near to this chart').click();
    await said('Copied');
    const [opened] = await Promise.all([page.waitForEvent('popup'), main().getByRole('link', { name: 'For Prometheus' }).click()]);
    await opened.close();
  });

  await step('a rule is tried, kept, fires, tells its channel, is silenced and deleted', async () => {
    const told = [];
    const receiver = createServer((request, response) => {
      let text = '';
      request.on('data', (part) => (text += part));
      request.on('end', () => (told.push({ signature: request.headers['x-taskq-signature'], body: JSON.parse(text) }), response.writeHead(204).end()));
    });
    await new Promise((done) => receiver.listen(0, '127.0.0.1', done));
    try {
      await visit('/alerts');
      await confirmed(() => button('Add a channel …').click(), 'Add', async (inside) => {
        await inside.getByLabel('Name', { exact: true }).fill('ops');
        await inside.getByLabel('Address').fill(`http://127.0.0.1:${receiver.address().port}/`);
        await inside.getByLabel('Secret').fill('between us');
      });
      await row(/ops/).waitFor();
      await confirmed(() => button('Add a rule …').click(), 'Save', async (inside) => {
        await inside.getByLabel('Name', { exact: true }).fill('failures');
        await inside.getByLabel('Query').fill('wait:>>');
        await button('Test', inside).click();
        await inside.locator('.notice').first().waitFor();
        await inside.getByLabel('Query').fill('state:failure');
        await inside.getByLabel('Value').fill('0');
        await button('Test and send', inside).click();
        await inside.getByText('ops: answered 204').waitFor();
        await inside.getByText('What is sent').click();
      });
      await until('it to be told', () => told.some(({ body, signature }) => body.what === 'fired' && body.text.startsWith('failures') && signature));
      await row(/failures: tasks that match/).first().waitFor();
      await confirmed(() => main().getByRole('button', { name: /^Silence: failures/ }).click(), 'Silence', (inside) => inside.getByLabel('Why').fill('known'));
      await row(/silenced/).first().waitFor();
      await main().getByRole('button', { name: /^End the silence/ }).click();
      await said('It is told again');
      await confirmed(() => main().getByRole('button', { name: 'failures', exact: true }).click(), 'Save', async (inside) => {
        await inside.getByLabel('Value').fill('100000');
        await button('Test', inside).click();
        await inside.getByText('What is sent').click();
        await button('Test and send', inside).click();
        await inside.getByText('ops: answered 204').waitFor();
      });
      await until('its end to be told', () => told.some(({ body }) => body.what === 'resolved' && body.text.startsWith('failures')));
      await confirmed(() => main().getByRole('button', { name: 'Delete the rule failures' }).click(), 'Delete');
      await confirmed(() => main().getByRole('button', { name: 'Delete the channel ops' }).click(), 'Delete');
      await main().getByText('Nobody is told').waitFor();
      const { rules, channels } = await ask('/alerts');
      assert.deepEqual([rules.length, channels.length], [0, 0]);
    } finally {
      receiver.close();
    }
  });
};

/** What was done is written down. */
export const written = async () => {
  await step('what was done is written down', async () => {
    await visit('/activity');
    for (const action of ['retry', 'terminate', 'pause', 'job']) await main().getByRole('button', { name: new RegExp(action) }).first().waitFor();
    const entries = main().getByRole('table', { name: 'Activity' }).locator('td.main button');
    const names = [...new Set(await entries.allInnerTexts())];
    for (const name of names) {
      await main().getByRole('button', { name, exact: true }).first().click();
      await button('Close', dialog()).click();
      await gone();
    }
    const heads = main().locator('thead button');
    for (let at = 0; at < (await heads.count()); at += 1) await heads.nth(at).click();
  });

  await step('settings are kept in this browser', async () => {
    await visit('/settings');
    await page.getByLabel('Theme', { exact: true }).selectOption('dark');
    await page.reload();
    await until('the dark theme', () => page.evaluate(() => document.documentElement.dataset.theme === 'dark'));
    await page.getByLabel('Theme', { exact: true }).selectOption('system');
    await page.getByLabel('Rows', { exact: true }).selectOption('comfortable');
    await until('wide rows', () => page.evaluate(() => document.documentElement.dataset.density === 'comfortable'));
    await page.getByLabel('Rows', { exact: true }).selectOption('dense');
    await all(main().getByRole('button', { name: /^Copy / }), () => said('Copied'));
  });
};
