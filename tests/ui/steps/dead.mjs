// Dead letters: looked into, edited, replayed and deleted.

import assert from 'node:assert/strict';

import { all, ask, button, confirmed, dialog, gone, is, main, page, pick, row, said, send, sorted, step, until, visit } from '../pilot.mjs';
import { confirmedJob } from './tasks.mjs';

const letters = async () => (await ask('/dead')).letters;
const bar = () => page.getByRole('toolbar', { name: 'What is chosen' });

export const steps = async () => {
  await step('what a worker gives up is a dead letter, edited it runs, and the letter stays', async () => {
    // The worker wants numbers.
    for (let n = 0; n < 4; n += 1) await send('demo.add', ['one', n], 'rust');
    await until('four letters', async () => (await letters()).length === 4);
    await visit('/dead');
    await button('demo.add').first().click();
    await all(dialog().getByRole('button', { name: /^Copy / }), () => said('Copied'));
    await button('Close', dialog()).click();
    await gone();
    const menu = main().getByRole('row').nth(1).getByRole('button', { name: /^Actions of/ });
    await pick(menu, 'Look into it');
    await button('Close', dialog()).click();
    await gone();
    await confirmed(() => pick(menu, 'Edit and send …'), 'Send', async (inside) => {
      const box = inside.getByLabel('Arguments', { exact: true });
      await box.fill('{}');
      await button('Send', inside).click();
      await inside.getByText('Arguments cannot be sent like that').waitFor();
      await box.fill('[30, 12]');
      await inside.getByText('+ [30, 12]').waitFor();
    });
    await page.getByRole('link', { name: 'Open its task' }).click();
    await page.waitForURL(/\/tasks\//);
    const id = page.url().split('/').pop();
    await is(id, 'SUCCESS');
    assert.equal((await ask(`/tasks/${id}`)).stored.result, 42);
    const marked = (await letters()).filter(({ mark }) => mark?.task === id);
    assert.deepEqual([marked.length, (await letters()).length], [1, 4]);
  });

  await step('letters are replayed: the first alone, then at a rate, and it stops when they fail again', async () => {
    // After the first, which fails again, it waits.
    const replayed = async (answer, end) => {
      await button('Replay 4', dialog()).click();
      await dialog().getByRole('heading', { name: 'Waiting for you' }).waitFor();
      await button(answer, dialog()).click();
      await dialog().getByRole('heading', { name: end }).waitFor();
      await button('Close', dialog()).click();
      await until('all of them again', async () => (await letters()).length === 4);
    };
    await visit('/dead');
    await sorted(main().getByRole('table', { name: 'Dead letters' }));
    await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
    await button('Replay …', bar()).click();
    await button('Cancel', dialog()).first().click();
    await gone();
    await button('Replay …', bar()).click();
    await dialog().getByLabel('First only').fill('1');
    await dialog().getByLabel('At most a second').fill('50');
    await button('Preview', dialog()).click();
    await button('Back', dialog()).click();
    await button('Preview', dialog()).click();
    await replayed('Go on', 'Done');
    await visit('/dead');
    await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
    await button('Replay …', bar()).click();
    await dialog().getByLabel('First only').fill('1');
    await button('Preview', dialog()).click();
    await replayed('Stop', 'Stopped');
  });

  await step('a replay goes on without its dialog, and the page of activity lets it go on and stops it', async () => {
    const jobs = main().getByRole('table', { name: 'Jobs' });
    const begun = async (label, value, state) => {
      await visit('/dead');
      await row(/demo\.add/).nth(3).waitFor();
      await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
      await button('Replay …', bar()).click();
      await dialog().getByLabel(label).fill(value);
      await button('Preview', dialog()).click();
      await button('Replay 4', dialog()).click();
      await dialog().getByRole('heading', { name: state }).waitFor();
      await button('Close', dialog()).click();
      await gone();
      await visit('/activity');
      return (await ask('/jobs')).jobs[0].id;
    };
    const over = (id, wanted) => until(`the job to be ${wanted}`, async () => (await ask('/jobs')).jobs.find((job) => job.id === id).state === wanted);
    const waiting = await begun('First only', '1', 'Waiting for you');
    await button('Go on', jobs).click();
    await said('It goes on');
    await over(waiting, 'done');
    await until('all of them again', async () => (await letters()).length === 4);
    // So slow that it is stopped after the first.
    const slow = await begun('At most a second', '0.1', 'Working');
    await button('Stop', jobs).click();
    await said('Told to stop');
    await over(slow, 'stopped');
    assert.ok((await ask('/jobs')).jobs.find(({ id }) => id === slow).done < 4, 'it was stopped before its end');
    await until('all of them again', async () => (await letters()).length === 4);
  });

  await step('a letter is replayed to another queue, and the others are deleted', async () => {
    const before = (await ask('/queues/held')).ready;
    await visit('/dead');
    const menu = () => main().getByRole('row').nth(1).getByRole('button', { name: /^Actions of/ });
    await confirmedJob(() => pick(menu(), 'Replay …'), 'Replay 1', (inside) => inside.getByLabel('To the queue').selectOption('held'));
    await until('one more to wait there', async () => (await ask('/queues/held')).ready === before + 1);
    await until('three letters', async () => (await letters()).length === 3);
    await visit('/dead');
    await row(/demo\.add/).nth(2).waitFor();
    await confirmed(() => pick(menu(), 'Delete …'), 'Delete');
    await said('1 letter deleted');
    await row(/demo\.add/).nth(2).waitFor({ state: 'detached' });
    await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
    await button('Choose none', bar()).click();
    await main().getByRole('checkbox', { name: 'Select all rows shown' }).check();
    await confirmed(() => button('Delete …', bar()).click(), 'Delete');
    await main().getByText('No dead letter').waitFor();
    assert.equal((await letters()).length, 0);
    // For who looks at the pages later.
    for (let n = 0; n < 2; n += 1) await send('demo.add', ['two', n], 'rust');
    await until('two letters', async () => (await letters()).length === 2);
  });
};
