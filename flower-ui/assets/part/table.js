// Rows.
//
// Kept true here: a row stays the same element while its thing is shown, so that focus and what is read do not
// jump; on a phone each row becomes a card that keeps its actions; keys that open a row open its first link.

import { h, keyed } from '../core/dom.js';
import { signal } from '../core/signal.js';

const compare = (a, b) => {
  const [hasNo, hasNot] = [a === null || a === undefined, b === null || b === undefined];
  if (hasNo || hasNot) return Number(hasNo) - Number(hasNot);
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
};

/**
 * A table of `items()`. A column is `{ title, cell(item), kind, value(item), label, show }`: `kind` is a class
 * (`main` is the heading of the card on a phone, `number`, `text`, `act`), `value` makes it sortable, `show` keeps
 * it on a phone. `cell` gets the item; it is called again when the item changes.
 */
export const table = (label, items, { columns, key = (item) => item.name ?? item.id, sort = null, sorted = null, chosen = null, none = null }) => {
  const order = sorted ?? signal(sort ?? '');
  const list = () => {
    const all = items() ?? [];
    const text = order();
    const down = text.startsWith('-');
    const column = columns.find((it) => it.value && (it.id ?? it.title) === text.replace(/^-/, ''));
    if (!column || sorted) return all;
    return [...all].sort((a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      // What is not known is last either way.
      if ((x ?? null) === null || (y ?? null) === null) return compare(x, y);
      return down ? compare(y, x) : compare(x, y);
    });
  };
  const heading = (column) => {
    const id = column.id ?? column.title;
    const attributes = { class: column.kind ?? '', scope: 'col' };
    if (!column.value) return h('th', attributes, column.kind === 'act' ? h('span', { class: 'sr' }, 'Actions') : column.title);
    const next = () => (order.peek() === `-${id}` ? id : order.peek() === id ? `-${id}` : column.kind === 'number' ? `-${id}` : id);
    attributes['aria-sort'] = () => (order() === id ? 'ascending' : order() === `-${id}` ? 'descending' : null);
    return h('th', attributes, h('button', { type: 'button', onclick: () => order.set(next()) }, column.title, () => (order() === id ? ' ↑' : order() === `-${id}` ? ' ↓' : '')));
  };
  const pick = chosen && {
    head: () => h('th', { class: 'pick', scope: 'col' }, h('input', { type: 'checkbox', 'aria-label': 'Select all rows shown', checked: () => list().length > 0 && list().every((item) => chosen().has(key(item))), onchange: (event) => chosen.set(event.target.checked ? new Set([...chosen.peek(), ...list().map(key)]) : new Set()) })),
    cell: (id) => h('td', { class: 'pick' }, h('input', { type: 'checkbox', 'aria-label': `Select ${id}`, checked: () => chosen().has(id), onclick: (event) => choose(event, id) })),
  };
  let lastChosen = null;
  const choose = (event, id) => {
    const next = new Set(chosen.peek());
    const ids = list().map(key);
    const [from, till] = [ids.indexOf(lastChosen), ids.indexOf(id)];
    const range = event.shiftKey && from >= 0 ? ids.slice(Math.min(from, till), Math.max(from, till) + 1) : [id];
    for (const each of range) next[event.target.checked ? 'add' : 'delete'](each);
    lastChosen = id;
    chosen.set(next);
  };
  const cell = (column, item) =>
    h('td', { class: `${column.kind ?? ''} ${column.show ? 'show' : ''}`, 'data-label': column.show ? (column.label ?? null) : null }, () => column.cell(item()));
  const row = (item, id) =>
    h('tr', { 'data-key': id, tabindex: '-1', class: () => (chosen?.().has(id) ? 'chosen' : '') }, pick ? pick.cell(id) : null, columns.map((column) => (column.kind === 'act' ? h('td', { class: 'act' }, column.cell.length > 1 ? column.cell(item.peek(), item) : () => column.cell(item())) : cell(column, item))));
  return [
    h('div', { class: 'table cards' }, h('table', { 'aria-label': label }, h('thead', h('tr', pick ? pick.head() : null, columns.map(heading))), h('tbody', keyed(list, key, row)))),
    () => ((items() ?? []).length === 0 && none ? none() : null),
  ];
};
