// Presses every button of the board's pages in a real browser, and checks what came of it.
//
// Variables: TASKQ_TEST_UI (folder with node_modules), TASKQ_TEST_CHROMIUM, BOARD (its address), OUT (folder for
// pictures), BROKER (`redis` or `amqp`), CHAIN, GROUP, WAITING (workflows), CHAIN_FILE. Beside the board run a Rust
// worker `rust@ui` on the queues `rust` and `slow`, and a Python worker `python@ui` with `shop.py` on `celery`.

import assert from 'node:assert/strict';

import { count, missed } from './buttons.mjs';
import { broker, close, complaints, row, step, visit } from './pilot.mjs';
import * as access from './steps/access.mjs';
import * as dead from './steps/dead.mjs';
import * as keyboard from './steps/keyboard.mjs';
import * as look from './steps/look.mjs';
import * as queues from './steps/queues.mjs';
import * as schedules from './steps/schedules.mjs';
import * as tasks from './steps/tasks.mjs';
import * as watching from './steps/watching.mjs';
import * as workers from './steps/workers.mjs';
import * as workflows from './steps/workflows.mjs';

await step('both workers are there', async () => {
  await visit('/workers');
  for (const name of ['rust@ui', 'python@ui']) await row(new RegExp(`${name} .*Online`)).waitFor();
});
await tasks.steps();
await queues.steps();
await workers.steps();
await workflows.steps();
await watching.steps();
await dead.steps();
await keyboard.steps();
// Pages look the same on all brokers.
if (broker === 'redis') await look.steps();
await access.steps();
await schedules.steps();
await workers.end();
await watching.written();
await step(`every button that was seen was pressed (${count()} on ${broker})`, () => assert.deepEqual(missed().sort(), []));
await close();
assert.deepEqual(complaints, []);
console.log('all steps passed');
