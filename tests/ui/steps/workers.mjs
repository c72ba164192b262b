// Workers: pools, queues, limits; at last they are drained and shut down.

import { all, ask, button, confirmed, dialog, gone, main, page, pick, row, said, sorted, step, until, visit } from '../pilot.mjs';

const asked = async (name) => ask(`/workers/${name}`);
const processes = async () => (await asked('python@ui')).stats?.value?.pool?.processes ?? [];
const slots = async (name) => (await asked(name)).slots;
const tab = (name) => main().getByRole('tab', { name, exact: true }).click();
// A dialog that tells what several answered stays until it was read.
const read = async () => {
  if (await dialog().count()) await button('Close', dialog()).click();
};

export const steps = async () => {
  await step('pools grow and shrink', async () => {
    const before = await until('its processes', async () => (await processes()).length);
    await visit('/workers/python@ui?tab=pool');
    await button('One more slot').click();
    await until('one more process', async () => (await processes()).length === before + 1);
    await button('One fewer slot').click();
    await until('one process less', async () => (await processes()).length === before);
    const rust = await slots('rust@ui');
    await visit('/workers/rust@ui?tab=pool');
    await button('One more slot').click();
    await until('one more slot', async () => (await slots('rust@ui')) === rust + 1);
    await button('One fewer slot').click();
    await until('one slot less', async () => (await slots('rust@ui')) === rust);
    await all(main().getByRole('button', { name: /^Copy / }));
  });

  await step('a Python pool is restarted', async () => {
    const before = (await processes()).join();
    await visit('/workers/python@ui?tab=pool');
    await confirmed(() => button('Restart the pool …').click(), 'Restart');
    await until('other processes', async () => (await processes()).length && (await processes()).join() !== before);
  });

  await step('a worker that was not started with it refuses autoscaling, and the dialog says so', async () => {
    await visit('/workers/python@ui?tab=pool');
    await button('Autoscale …').click();
    await button('Cancel', dialog()).click();
    await button('Autoscale …').click();
    await button('Set', dialog()).click();
    await dialog().getByText('python@ui refused').waitFor();
    await button('Cancel', dialog()).click();
    await gone();
  });

  await step('queues are added and taken away', async () => {
    await visit('/workers/python@ui?tab=queues');
    await confirmed(() => button('Add …').click(), 'Add', (inside) => inside.getByLabel('Queue', { exact: true }).fill('extra'));
    await until('it consumes it', async () => (await asked('python@ui')).queues.includes('extra'));
    const extra = main().getByRole('listitem').filter({ hasText: 'extra' });
    await confirmed(() => button('Stop consuming …', extra).click(), 'Stop consuming');
    await until('it does not', async () => !(await asked('python@ui')).queues.includes('extra'));
    await visit('/workers');
    const menu = row(/^rust@ui/).getByRole('button', { name: 'Actions of rust@ui' });
    await confirmed(() => pick(menu, 'Add a queue …'), 'Add', (inside) => inside.getByLabel('Queue', { exact: true }).fill('extra'));
    await until('it consumes it', async () => (await asked('rust@ui')).queues.includes('extra'));
    await visit('/workers/rust@ui?tab=queues');
    await confirmed(() => button('Stop consuming …', extra).click(), 'Stop consuming');
    await until('it does not', async () => !(await asked('rust@ui')).queues.includes('extra'));
  });

  await step('limits are set on both kinds of workers', async () => {
    for (const [worker, task] of [['python@ui', 'shop.ping'], ['rust@ui', 'demo.sleep']]) {
      await visit(`/workers/${worker}?tab=tasks`);
      const set = row(new RegExp(task.replace('.', '\\.'))).getByRole('button');
      await confirmed(() => set.click(), 'Set', async (inside) => {
        await button('Set', inside).click();
        await inside.getByText('Nothing to set').waitFor();
        await inside.getByLabel('Rate', { exact: true }).fill('7/m');
        await inside.getByLabel('Soft time limit', { exact: true }).fill('20');
        await inside.getByLabel('Hard time limit', { exact: true }).fill('30');
      });
      // As the worker tells them, not as they were typed.
      const limited = () => row(new RegExp(task.replace('.', '\\.'))).innerText();
      await until(`limits of ${task}`, async () => /7\/m\s+20 s\s+30 s/.test(await limited()));
      await confirmed(() => button('Set limits …').click(), 'Set', async (inside) => {
        await inside.getByLabel('Task', { exact: true }).fill(task);
        await inside.getByLabel('Rate', { exact: true }).fill('0');
      });
      await sorted(main().getByRole('table', { name: 'Registered tasks' }));
    }
  });

  await step('the parts of a worker are looked at', async () => {
    await visit('/workers/python@ui');
    for (const name of ['Queues', 'Tasks and limits', 'Pool', 'Settings', 'Now']) {
      await tab(name);
      await main().getByRole('tab', { name, exact: true, selected: true }).waitFor();
    }
    await tab('Settings');
    await all(main().getByRole('button', { name: /^Copy / }), () => said('Copied'));
    await main().getByRole('link', { name: 'Its tasks' }).click();
    await page.waitForURL(/tasks\?q=worker/);
    await visit('/workers');
    await sorted(main().getByRole('table', { name: 'Workers' }));
    const menu = row(/^python@ui/).getByRole('button', { name: 'Actions of python@ui' });
    await pick(menu, 'Its tasks');
    await page.waitForURL(/tasks\?q=worker/);
    await visit('/workers');
    await confirmed(() => pick(menu, 'Restart the pool …'), 'Restart');
    await read();
    await pick(menu, 'Open');
    await page.waitForURL(/workers\/python/);
  });
};

/** The end of all workers: no step comes after. */
export const end = async () => {
  const over = (name) => until(`the end of ${name}`, async () => ['offline', undefined].includes((await asked(name)).status));
  const typed = (name) => (inside) => inside.getByLabel(`Type ${name} to go on`).fill(name);
  await step('workers are drained and shut down', async () => {
    await visit('/workers');
    // Asked about in the list, and done on the pages.
    for (const entry of ['Drain …', 'Shut down …']) {
      await pick(row(/^rust@ui/).getByRole('button', { name: 'Actions of rust@ui' }), entry);
      await button('Cancel', dialog()).click();
      await gone();
    }
    await visit('/workers/rust@ui');
    await confirmed(() => button('Drain …').click(), 'Drain');
    await over('rust@ui');
    await visit('/workers/python@ui');
    await confirmed(() => button('Shut down …').click(), 'Shut down', typed('python@ui'));
    await over('python@ui');
  });
};
