// Values that tell who reads them when they change.
//
// Kept true here: an effect runs once for any number of changes made in one turn; what an effect started ends
// before it runs again; a disposed effect never runs.

let reader = null;
let owner = null;
let due = new Set();

const flush = () => {
  for (let round = 0; due.size > 0; round += 1) {
    if (round > 100) {
      due.clear();
      throw new Error('an effect keeps changing what it reads');
    }
    const now = due;
    due = new Set();
    for (const effect of now) run(effect);
  }
};

const read = (readers) => {
  if (!reader) return;
  readers.add(reader);
  reader.sources.add(readers);
};

const forget = (node) => {
  for (const readers of node.sources) readers.delete(node);
  node.sources.clear();
};

/** A value: `x()` reads it, `x.set(v)` changes it, `x.peek()` reads it without being told of changes. */
export const signal = (value) => {
  const readers = new Set();
  const self = () => {
    read(readers);
    return value;
  };
  self.peek = () => value;
  self.set = (next) => {
    if (Object.is(next, value)) return;
    value = next;
    for (const node of [...readers]) node.changed();
  };
  self.update = (change) => self.set(change(value));
  return self;
};

const as = (asReader, asOwner, work) => {
  const before = [reader, owner];
  [reader, owner] = [asReader, asOwner];
  try {
    return work();
  } finally {
    [reader, owner] = before;
  }
};

const clear = (node) => {
  for (const end of node.ends.splice(0).reverse()) end();
};

const run = (node) => {
  if (node.dead) return;
  forget(node);
  clear(node);
  as(node, node, node.work);
};

const make = (work, by) => {
  const node = { work, sources: new Set(), ends: [], dead: false };
  node.end = () => {
    node.dead = true;
    forget(node);
    clear(node);
  };
  by?.ends.push(node.end);
  return node;
};

/** Runs `work` now and whenever something that it read has changed. Gives what ends it. */
export const effect = (work) => {
  const node = make(work, owner);
  node.changed = () => {
    if (due.size === 0) queueMicrotask(flush);
    due.add(node);
  };
  run(node);
  return node.end;
};

/** Runs `work` as the owner of the effects that it starts: `[what it gave, what ends them]`. The caller ends them. */
export const scope = (work) => {
  const node = make(work, null);
  const value = as(null, node, work);
  return [value, node.end];
};

/** Called when the effect or scope that runs now ends. */
export const ended = (call) => owner?.ends.push(call);

/** Reads without being told of changes. */
export const untracked = (work) => as(null, owner, work);
