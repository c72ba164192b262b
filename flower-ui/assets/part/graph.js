// A graph whose places the board has computed; here it is only drawn.
//
// Kept true here: a node never jumps while its state changes; who uses the keyboard reaches every task; a list of
// the same tasks is beside it.

import { h, svg } from '../core/dom.js';
import { effect } from '../core/signal.js';
import { go, to } from '../core/router.js';
import { outline } from './icon.js';
import { shape, tone, word } from './state.js';

const path = (points) => points.map(([x, y], place) => `${place ? 'L' : 'M'}${x} ${y}`).join('');
const point = (it) => (Array.isArray(it) ? it : [it.x, it.y]);
const short = (text, width) => {
  const most = Math.max(4, Math.floor((width - 34) / 7));
  return text.length > most ? `…${text.slice(-(most - 1))}` : text;
};

const isBox = (kind) => kind === 'group' || kind === 'chord';

/** What an edge says: how the task at its end came about. */
const EDGES = { chain: 'the next step', sent: 'sent by it', chord: 'sent when all of them were done' };

const node = (it) => {
  const box = isBox(it.kind) && it.h > 60;
  const open = !box && it.id && (it.kind === 'task' || it.state);
  const label = String(it.label ?? it.id ?? '');
  const text = `${label}${it.state ? `, ${word(it.state)}` : ''}`;
  return svg(
    'g',
    {
      class: `node ${box ? 'box' : ''} ${it.state ? tone(it.state) : ''}`,
      transform: `translate(${it.x} ${it.y})`, tabindex: open ? '0' : null, role: open ? 'link' : 'img', 'aria-label': open ? null : text,
      onclick: () => open && go(to('tasks', it.id)),
      onkeydown: (event) => event.key === 'Enter' && open && go(to('tasks', it.id)),
    },
    svg('title', text),
    svg('rect', { width: it.w, height: it.h, rx: 6 }),
    it.state && !box ? svg('svg', { x: 8, y: it.h / 2 - 8, width: 16, height: 16, viewBox: '0 0 16 16', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 }, svg('path', { d: outline(shape(it.state)) })) : null,
    box ? svg('text', { x: 10, y: 17, class: 'under' }, short(label, it.w + 20)) : [svg('text', { x: it.state ? 30 : 12, y: it.h / 2 + (it.state ? -2 : 4) }, short(label, it.w)), it.state ? svg('text', { x: 30, y: it.h / 2 + 13, class: 'under' }, word(it.state)) : null],
  );
};

/** The graph of `data()`: `{width, height, nodes, edges}`. Drag moves, the wheel with Ctrl zooms. */
export const graph = (data) => {
  let view = null;
  const nodes = svg('g');
  const picture = svg('svg', { role: 'group', 'aria-label': 'Graph of the workflow' }, nodes);
  const look = () => picture.setAttribute('viewBox', view.join(' '));
  const fit = () => {
    const { width, height } = data();
    view = [-20, -20, Math.max(320, width + 40), Math.max(160, height + 40)];
    look();
  };
  const zoom = (by) => {
    const [x, y, w, tall] = view;
    view = [x + (w - w * by) / 2, y + (tall - tall * by) / 2, w * by, tall * by];
    look();
  };
  effect(() => {
    const { nodes: list, edges } = data();
    if (!view) fit();
    nodes.replaceChildren(
      ...edges.map((edge) => svg('path', { class: `edge ${edge.kind}`, d: path((edge.points ?? []).map(point)) }, svg('title', EDGES[edge.kind] ?? edge.kind))),
      ...[...list].sort((a, b) => Number(isBox(b.kind)) - Number(isBox(a.kind))).map(node),
    );
  });
  let held = null;
  const holder = h('div', {
    class: 'graph',
    onpointerdown: (event) => (held = [event.clientX, event.clientY, ...view]),
    onpointermove: (event) => {
      if (!held || !(event.buttons & 1)) return;
      const scale = view[2] / picture.clientWidth;
      view = [held[2] - (event.clientX - held[0]) * scale, held[3] - (event.clientY - held[1]) * scale, view[2], view[3]];
      look();
    },
    onpointerup: () => (held = null),
    onwheel: (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.1 : 0.9);
    },
  }, picture);
  const bar = h('div', { class: 'line' }, h('button', { onclick: () => zoom(0.8) }, 'Closer'), h('button', { onclick: () => zoom(1.25) }, 'Farther'), h('button', { onclick: fit }, 'All of it'), h('span', { class: 'hint' }, 'Drag to move, Ctrl and the wheel to zoom. Dashed: one of several that a task sent. Groups and chords are concluded from who sent what when.'));
  return h('div', { class: 'stack-tight' }, bar, holder);
};
