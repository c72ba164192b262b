// Workflows: drawn, cancelled, and run again from where they failed.

import { writeFileSync } from 'node:fs';

import assert from 'node:assert/strict';

import { ask, board, button, confirmed, dialog, is, main, page, said, sorted, step, until, visit } from '../pilot.mjs';
import { confirmedJob, known } from './tasks.mjs';

// The ids of a chain and a group whose steps read files that are not there yet; of a chain that waits.
const { CHAIN, GROUP, WAITING, CHAIN_FILE } = process.env;

export const steps = async () => {
  await step('a chain is run again from the step that failed, and goes on', async () => {
    await until('its failed step', async () => (await ask(`/workflows/${CHAIN}`)).failed_steps?.length === 1);
    await visit(`/workflows/${CHAIN}`);
    writeFileSync(CHAIN_FILE, 'here it is');
    await confirmed(() => main().getByRole('button', { name: /^Retry from here/ }).click(), 'Retry');
    await said('1 step sent again');
    await until('the next step', async () => (await ask(`/workflows/${CHAIN}`)).tasks.some(({ name, state }) => name === 'demo.say' && state === 'SUCCESS'));
    assert.deepEqual((await ask(`/workflows/${CHAIN}`)).failed_steps, []);
  });

  await step('all that failed of a group is run again', async () => {
    await until('its failed steps', async () => (await ask(`/workflows/${GROUP}`)).failed_steps?.length === 2);
    await visit(`/workflows/${GROUP}`);
    await confirmed(() => button('Retry what failed …').click(), 'Retry');
    await said('2 steps sent again');
    await until('they fail again', async () => (await ask(`/workflows/${GROUP}`)).failed_steps?.length === 2);
  });

  await step('a workflow is drawn in three ways', async () => {
    await visit(`/workflows/${CHAIN}`);
    for (const name of ['Waterfall', 'List', 'Graph']) await main().getByRole('tab', { name }).click();
    const before = await main().locator('.graph svg').first().getAttribute('viewBox');
    await button('Closer').click();
    await until('another look', async () => (await main().locator('.graph svg').first().getAttribute('viewBox')) !== before);
    await button('Farther').click();
    await button('All of it').click();
    await until('all of it', async () => (await main().locator('.graph svg').first().getAttribute('viewBox')) === before);
    await visit('/workflows');
    await main().getByRole('link', { name: 'demo.read' }).first().waitFor();
    if (await main().locator('thead button').count()) await sorted(main().getByRole('table'));
    await visit(`/workflows/${CHAIN}`);
    await main().getByRole('link', { name: 'First task' }).click();
    await page.waitForURL(`${board}/tasks/${CHAIN}`);
  });

  await step('failed tasks of which nobody knows what follows are sent alone', async () => {
    await visit(`/workflows/${known.failed}`);
    await confirmedJob(() => main().getByRole('button', { name: /^Send \d+ failed alone/ }).click(), /^Retry \d+$/);
  });

  await step('a workflow that waits is cancelled, and its tasks never run', async () => {
    await visit(`/workflows/${WAITING}`);
    await confirmed(() => button('Cancel …').click(), 'Cancel the workflow');
    // Whoever takes it now drops it.
    await visit('/workers/rust@ui?tab=queues');
    await button('Add …').click();
    await dialog().getByLabel('Queue', { exact: true }).fill('later');
    await button('Add', dialog()).click();
    await is(WAITING, 'REVOKED');
  });
};
