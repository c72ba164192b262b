// Elements, made by calls.
//
// Kept true here: whatever is shown becomes text, never markup, so that hostile names stay inert; a row of a
// keyed list keeps its element, and with it focus and selection, for as long as its key is there; what is drawn
// anew does so neither under a pressed pointer, which would lose the click, nor under the keyboard's focus.

import { effect, ended, scope, signal, untracked } from './signal.js';

const SVG = 'http://www.w3.org/2000/svg';
const PROPERTIES = new Set(['value', 'checked', 'indeterminate', 'disabled', 'open', 'selected', 'readOnly']);

const put = (element, name, value) => {
  if (name === 'style') {
    // Through the object model: a `style` attribute is what the content policy forbids.
    for (const [key, text] of Object.entries(value ?? {})) element.style.setProperty(key, text);
  } else if (PROPERTIES.has(name)) {
    element[name] = value ?? (name === 'value' ? '' : false);
  } else if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? '' : String(value));
  }
};

const build = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'ref') value(element);
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (typeof value === 'function') effect(() => put(element, name, value()));
    // A select takes its value once it has its options.
    else if (name !== 'value') put(element, name, value);
  }
  add(element, children);
  if (attributes && 'value' in attributes && typeof attributes.value !== 'function') put(element, 'value', attributes.value);
  return element;
};

const isAttributes = (it) => it !== null && typeof it === 'object' && !(it instanceof Node) && !Array.isArray(it);

const maker = (create) => (name, ...rest) => {
  const attributes = isAttributes(rest[0]) ? rest.shift() : null;
  return build(create(name), attributes, rest);
};

/** An element: `h('p', { class: 'x', onclick }, 'text', () => live())`. */
export const h = maker((name) => document.createElement(name));

/** The same for SVG. */
export const svg = maker((name) => document.createElementNS(SVG, name));

/** Appends text, nodes, lists of them, and functions, whose part of the page follows what they read. */
const add = (parent, child) => {
  if (child === null || child === undefined || child === false || child === true) return;
  if (Array.isArray(child)) for (const each of child) add(parent, each);
  else if (typeof child === 'function') follow(parent, child);
  else parent.append(child instanceof Node ? child : String(child));
};

/** Longest time that a pressed pointer holds the page, in milliseconds: some let go where no page hears of it. */
const HELD = 2000;
const pressed = signal(false);
let release = 0;
const letGo = () => {
  clearTimeout(release);
  // After the click.
  release = setTimeout(() => pressed.set(false));
};
addEventListener('pointerdown', () => {
  clearTimeout(release);
  pressed.set(true);
  release = setTimeout(() => pressed.set(false), HELD);
}, true);
addEventListener('pointerup', letGo, true);
addEventListener('pointercancel', letGo, true);

/** The button or link of `fresh` that is called as the one that had the focus. */
const twin = (fresh, old) => [...fresh.querySelectorAll(old.localName)].find((it) => it.textContent === old.textContent && it.getAttribute('aria-label') === old.getAttribute('aria-label'));

const follow = (parent, make) => {
  const [from, to] = [document.createComment(''), document.createComment('')];
  parent.append(from, to);
  let isDrawn = false;
  effect(() => {
    // Read only then, so that letting go draws what was held back.
    if (isDrawn && pressed.peek()) return void pressed();
    isDrawn = true;
    const fresh = document.createDocumentFragment();
    add(fresh, make());
    const old = document.activeElement;
    let next = null;
    while (from.nextSibling && from.nextSibling !== to) {
      if (old?.matches('button, a') && from.nextSibling.contains(old)) next = twin(fresh, old);
      from.nextSibling.remove();
    }
    to.before(fresh);
    next?.focus({ preventScroll: true });
  });
};

const isSame = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * A list whose rows are made once for each key: `render(item, key)` gets the item as a signal. Give it as a
 * child.
 */
export const keyed = (items, key, render) => {
  const holder = document.createDocumentFragment();
  const end = document.createComment('');
  holder.append(end);
  let rows = new Map();
  effect(() => {
    const list = items() ?? [];
    untracked(() => {
      const next = new Map();
      for (const item of list) {
        const id = key(item);
        if (next.has(id)) continue;
        const row = rows.get(id) ?? fresh(item, id, render);
        // One that says the same as before keeps what is drawn, and the focus in it.
        if (!isSame(row.item.peek(), item)) row.item.set(item);
        next.set(id, row);
      }
      for (const [id, row] of rows) {
        if (next.has(id)) continue;
        row.stop();
        row.node.remove();
      }
      let before = end;
      for (const row of [...next.values()].reverse()) {
        if (row.node.nextSibling !== before) before.before(row.node);
        before = row.node;
      }
      rows = next;
    });
  });
  ended(() => rows.forEach((row) => row.stop()));
  return holder;
};

const fresh = (item, id, render) => {
  const value = signal(item);
  const [node, stop] = scope(() => render(value, id));
  return { item: value, node, stop };
};
