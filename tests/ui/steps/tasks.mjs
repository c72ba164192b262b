// Tasks: called, looked at, retried, edited, revoked, terminated; many at once; saved views.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { all, ask, board, button, confirmed, dialog, gone, is, main, page, pick, row, said, send, sorted, state, step, until, visit } from '../pilot.mjs';

/** Ids that other steps look at. */
export const known = {};

const fill = async (label, text) => page.getByLabel(label, { exact: true }).fill(text);
const call = async (name, args, queue) => {
  await visit('/call');
  await fill('Task', name);
  await fill('Arguments', JSON.stringify(args));
  await fill('Queue', queue);
  await button('Send').click();
  await page.waitForURL(/\/tasks\/[0-9a-f-]{36}$/);
  return page.url().split('/').pop();
};

export const steps = async () => {
  await step('a task is called from the form and its result shown', async () => {
    const id = await call('demo.add', [20, 22], 'rust');
    await is(id, 'SUCCESS');
    await page.getByText('Succeeded').first().waitFor();
    await page.getByText('42', { exact: true }).first().waitFor();
    known.added = id;
  });

  await step('arguments that cannot be read are refused in the form', async () => {
    await visit('/call/demo.add');
    await fill('Arguments', '[1,');
    await button('Send').click();
    await main().getByText('Arguments cannot be read').waitFor();
    await fill('Arguments', '{}');
    await main().getByRole('button', { name: /^Use/ }).first().click();
    await fill('Arguments', '[1, 2]');
  });

  await step('a failed Python task is retried, and the new one runs', async () => {
    known.failed = await call('shop.always_fails', [7], 'celery');
    await is(known.failed, 'FAILURE');
    await page.getByText('payment gateway returned 7').first().waitFor();
    await confirmed(() => button('Retry …').click(), 'Retry');
    await page.getByRole('link', { name: 'Open the new one' }).click();
    await until('another task', () => !page.url().endsWith(known.failed));
    await is(page.url().split('/').pop(), 'FAILURE');
  });

  await step('its arguments are edited, and the new one goes well', async () => {
    const wrong = await send('shop.add', ['x', 1], 'celery');
    await is(wrong, 'FAILURE');
    await visit(`/tasks/${wrong}`);
    await confirmed(() => button('Edit and retry …').click(), 'Send', async (inside) => {
      await inside.getByLabel('Arguments', { exact: true }).fill('[40,');
      await button('Send', inside).click();
      await inside.getByText('Arguments are no JSON').waitFor();
      await inside.getByLabel('Arguments', { exact: true }).fill('[40, 2]');
    });
    await page.getByRole('link', { name: 'Open the new one' }).click();
    await until('another task', () => !page.url().endsWith(wrong));
    const id = page.url().split('/').pop();
    await is(id, 'SUCCESS');
    assert.equal((await ask(`/tasks/${id}`)).stored.result, 42);
  });

  await step('everything on the page of a task is copied', async () => {
    await visit(`/tasks/${known.failed}`);
    await main().getByRole('heading', { name: 'Copy as code' }).waitFor();
    for (const tab of ['Rust', 'curl', 'Python']) {
      await main().getByRole('tab', { name: tab }).click();
      await button('Copy Call').click();
      await until(`the call in ${tab}`, async () => (await page.evaluate(() => navigator.clipboard.readText())).includes('shop.always_fails'));
    }
    await button('Copy id').click();
    await until('the id', async () => (await page.evaluate(() => navigator.clipboard.readText())) === known.failed);
    await all(main().getByRole('button', { name: /^Copy / }), () => said('Copied'));
    await page.locator('.toasts').getByRole('button', { name: 'Close' }).first().click();
    await visit(`/tasks/${known.added}`);
    await button('Copy Result').click();
    await until('the result', async () => (await page.evaluate(() => navigator.clipboard.readText())) === '42');
    await visit('/tasks/00000000-0000-0000-0000-000000000000');
    await button('Look again').click();
    await main().getByText('Nothing was heard of this task').waitFor();
  });

  await step('a running task is terminated', async () => {
    const id = await call('demo.sleep', [600], 'slow');
    await is(id, 'STARTED');
    await confirmed(() => button('Terminate …').click(), 'Terminate');
    await is(id, 'REVOKED');
    known.terminated = id;
  });

  await step('a running Rust and a running Python task are ended from the list', async () => {
    for (const [name, queue] of [['demo.sleep', 'slow'], ['shop.sleepy', 'celery']]) {
      const id = await send(name, [600], queue);
      await is(id, 'STARTED');
      await visit(`/tasks?q=id:${id}`);
      const menu = row(new RegExp(name.replace('.', '\\.'))).getByRole('button', { name: /^Actions of/ });
      await pick(menu, 'Copy id');
      await until('the id', async () => (await page.evaluate(() => navigator.clipboard.readText())) === id);
      await confirmed(() => pick(menu, 'Revoke …'), 'Revoke');
      assert.equal(await state(id), 'STARTED', 'revoking lets it run');
      await confirmed(() => pick(menu, 'Terminate …'), 'Terminate');
      await is(id, 'REVOKED');
      await pick(menu, 'Open');
      await page.waitForURL(new RegExp(id));
    }
    await visit(`/tasks?q=id:${known.failed}`);
    await confirmed(() => pick(row(/always_fails/).getByRole('button', { name: /^Actions of/ }), 'Retry …'), 'Retry');
    await said('Sent again');
  });

  await step('a task that waits is revoked on its page and never runs', async () => {
    const id = await send('demo.sleep', [0], 'nobody');
    await is(id, 'PENDING');
    await visit(`/tasks/${id}`);
    await confirmed(() => button('Revoke …').click(), 'Revoke');
    await said('Revoked');
  });

  await step('many tasks are counted, then retried, revoked, terminated, and their results deleted', async () => {
    const sent = [];
    for (let n = 0; n < 3; n += 1) sent.push(await send('demo.fail', ['many'], 'rust'));
    for (const id of sent) await is(id, 'FAILURE');
    const failed = async () => (await ask('/tasks?q=name:demo.fail&facets=false')).matched.count;
    for (const [action, verb] of [['Retry …', 'Retry 3'], ['Revoke …', 'Revoke 3'], ['Terminate …', 'Terminate 3'], ['Delete results …', 'Delete results 3']]) {
      await visit(`/tasks?q=name:demo.fail`);
      await row(/demo\.fail/).first().waitFor();
      const before = await failed();
      await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
      const boxes = main().locator('tbody').getByRole('checkbox');
      while ((await boxes.count()) > 3 && (await main().locator('tbody input:checked').count()) > 3) await main().locator('tbody input:checked').last().uncheck();
      const bar = page.getByRole('toolbar', { name: 'What is chosen' });
      await bar.getByText('3 tasks', { exact: true }).waitFor();
      await confirmedJob(() => button(action, bar).click(), verb);
      if (action === 'Retry …') await until('three more', async () => (await failed()) === before + 3);
    }
    const bar = page.getByRole('toolbar', { name: 'What is chosen' });
    await main().locator('tbody').getByRole('checkbox').first().check();
    await bar.getByRole('button', { name: /^Choose all/ }).click();
    await bar.getByText(/^All /).waitFor();
    await button('Only those chosen', bar).click();
    await button('Choose none', bar).click();
    await bar.waitFor({ state: 'detached' });
  });

  await step('more tasks than fit a page are sent', async () => {
    await page.evaluate(async () => {
      const { csrf } = await (await fetch('/api/v1/session')).json();
      const headers = { 'Content-Type': 'application/json', 'X-Taskq-CSRF': csrf ?? '', 'X-XSRFToken': csrf ?? '' };
      await Promise.all(Array.from({ length: 60 }, (_, n) => fetch('/api/v1/calls', { method: 'POST', headers, body: JSON.stringify({ name: 'demo.add', args: [n, 0], queue: 'rust' }) })));
    });
    await until('sixty tasks', async () => (await ask('/tasks?q=name:demo.add')).matched.count >= 60);
  });

  await step('the list is filtered, sorted, paged and drawn', async () => {
    await visit('/tasks');
    await button('Older tasks').click();
    await until('more than a page', async () => (await main().locator('tbody tr').count()) > 50);
    await sorted(main().getByRole('table', { name: 'Tasks' }));
    await main().getByText('Filters', { exact: true }).click();
    await main().getByText('Filters', { exact: true }).click();
    const table = button('As table');
    await table.click();
    await button('As chart').click();
    await main().locator('.facets button').first().click();
    await page.waitForURL(/q=/);
    await main().getByRole('button', { name: /^Remove/ }).first().click();
    await until('no query', () => !page.url().includes('q='));
    const box = page.getByRole('combobox', { name: 'Search tasks' });
    await box.fill('state:failure name:shop.always_fails');
    await box.press('Enter');
    await row(/shop\.always_fails/).first().waitFor();
    await until('the others to go', async () => (await row(/Succeeded/).count()) === 0);
    await box.fill('wait:>>');
    await box.press('Enter');
    await main().locator('[role=alert]').first().waitFor();
    await box.fill('name:nobody.knows');
    await box.press('Enter');
    await button('Remove the query').click();
    await until('all of them', async () => (await main().locator('tbody tr').count()) > 10);
  });

  await step('what is new waits while rows are chosen', async () => {
    await visit('/tasks?q=name:demo.add');
    await main().locator('tbody').getByRole('checkbox').first().check();
    await send('demo.add', [1, 1], 'rust');
    await main().getByRole('button', { name: /new$/ }).click();
    await main().getByRole('button', { name: /new$/ }).waitFor({ state: 'detached' });
  });

  await step('a view is saved, shown and deleted', async () => {
    await visit('/tasks?q=state%3Afailure');
    const menu = button('Views');
    await confirmed(() => pick(menu, 'Save this view …'), 'Save', (inside) => inside.getByLabel('Name', { exact: true }).fill('What failed'));
    await said('Saved');
    await visit('/tasks');
    await until('the view', async () => (await ask('/views')).views.length === 1);
    await pick(menu, 'What failed');
    await page.waitForURL(/q=state%3Afailure/);
    await confirmed(() => pick(menu, 'Delete What failed …'), 'Delete');
    await until('no view', async () => (await ask('/views')).views.length === 0);
  });

  await step('tasks are exported', async () => {
    await visit('/tasks?q=name:demo.fail');
    const count = (await ask('/tasks?q=name:demo.fail&facets=false')).matched.count;
    const saved = async (name) => {
      const [download] = await Promise.all([page.waitForEvent('download'), main().getByRole('link', { name, exact: true }).click()]);
      return readFileSync(await download.path(), 'utf8').trim().split(/\r?\n/);
    };
    const lines = await saved('Export');
    assert.equal(lines.filter((line) => JSON.parse(line).name === 'demo.fail').length, count);
    const [head, ...rows] = await saved('CSV');
    assert.ok(head.split(',').includes('name'), head);
    assert.equal(rows.filter((row) => row.includes('demo.fail')).length, count);
    await main().getByRole('link', { name: 'Call a task' }).click();
    await page.waitForURL(`${board}/call`);
  });
};

/** Counts, refuses once, then does it and waits for the end of the job. */
export const confirmedJob = async (open, verb, form = null) => {
  for (const isMeant of [false, true]) {
    await open();
    if (form) {
      await form(dialog());
      await button('Preview', dialog()).click();
    }
    await button(verb, dialog()).waitFor();
    if (!isMeant) {
      await button(form ? 'Back' : 'Cancel', dialog()).click();
      if (form) await button('Cancel', dialog()).first().click();
      await gone();
      continue;
    }
    await button(verb, dialog()).click();
    await dialog().getByRole('heading', { name: /^(Done|Stopped)$/ }).waitFor();
    await button('Close', dialog()).click();
    await gone();
  }
};
