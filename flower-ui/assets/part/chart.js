// Lines, areas and bars over time.
//
// Kept true here: every chart has a sentence that says what it shows, and the same numbers as a table; where
// nothing was heard it is hatched, and where nothing is known the line is broken, not zero.

import { h, svg } from '../core/dom.js';
import { ended, signal } from '../core/signal.js';
import { count, number, time } from '../core/format.js';

const [WIDTH, LEFT, BOTTOM, TOP] = [600, 44, 18, 6];
/** Rows of the table. */
const ROWS = 200;

const nice = (most) => {
  if (!(most > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((step) => step * size).find((step) => step >= most * 0.999) ?? most;
};

const stacked = (lines) => {
  let below = [];
  return lines.map((line) => {
    const points = line.points.map((value, place) => [below[place] ?? 0, (below[place] ?? 0) + (value ?? 0), value]);
    below = points.map(([, top]) => top);
    return { ...line, points };
  });
};

const pathOf = (points, x, y) => {
  let [text, open] = ['', false];
  points.forEach((value, place) => {
    if (value === null || value === undefined) open = false;
    else {
      // One that stands alone is a dot.
      const alone = !open && (points[place + 1] ?? null) === null;
      text += `${open ? 'L' : 'M'}${x(place).toFixed(1)} ${y(value).toFixed(1)}${alone ? 'h0.1' : ''}`;
      open = true;
    }
  });
  return text;
};

const areaOf = (points, x, y) => {
  if (!points.length) return '';
  const top = points.map(([, value], place) => `${x(place).toFixed(1)} ${y(value).toFixed(1)}`);
  const bottom = points.map(([value], place) => `${x(place).toFixed(1)} ${y(value).toFixed(1)}`).reverse();
  return `M${top.join('L')}L${bottom.join('L')}Z`;
};

const last = (line) => [...line.points].reverse().find((value) => value !== null && value !== undefined) ?? null;

const sentence = (title, data, format) => {
  if (!data.lines.length) return `${title}: nothing to show.`;
  const parts = data.lines.slice(0, 8).map((line) => {
    const values = line.points.filter((value) => value !== null && value !== undefined);
    return values.length ? `${line.label ?? line.key} ${format(last(line))} now, between ${format(Math.min(...values))} and ${format(Math.max(...values))}` : `${line.label ?? line.key} not known`;
  });
  return `${title} from ${time(data.from)} to ${time(data.to)}: ${parts.join('; ')}.`;
};

const asTable = (title, data, format) =>
  h(
    'div', { class: 'table' },
    h(
      'table', { 'aria-label': title },
      h('thead', h('tr', h('th', { scope: 'col' }, 'Time'), data.lines.map((line) => h('th', { scope: 'col', class: 'number' }, line.label ?? line.key)))),
      h('tbody', Array.from({ length: Math.min(ROWS, data.lines[0]?.points.length ?? 0) }, (_, row) => h('tr', h('td', time(data.from + row * data.step)), data.lines.map((line) => h('td', { class: 'number' }, format(line.points[row])))))),
    ),
  );

/** The colour of a line: failures are always red, and so on. */
const colour = (line, place) => ({ p50: 1, p95: 6, p99: 5, FAILURE: 2, failed: 2, failures: 2, RETRY: 3, retried: 3, SUCCESS: 4, succeeded: 4, ok: 4, REVOKED: 5, revoked: 5, rejected: 7, STARTED: 1, REJECTED: 7 })[line.key] ?? (place % 8) + 1;

/**
 * A chart of `data()`, an answer of `/series`. `kind` is `lines` or `areas`; `onzoom(from, to)` lets drag choose a span;
 * `table` says whether it is shown as a table, for who draws the chart anew and has it stay so.
 */
export const chart = (title, data, { kind = 'lines', format = number, height = 130, onzoom = null, table = signal(false) } = {}) => {
  const [at, width] = [signal(null), signal(WIDTH)];
  const scale = () => {
    const { lines } = data();
    const shown = kind === 'areas' ? stacked(lines) : lines;
    const high = nice(Math.max(0, ...shown.flatMap((line) => line.points.map((value) => (Array.isArray(value) ? value[1] : (value ?? 0))))));
    // Of what is counted there is no half.
    const most = format === count ? 2 * Math.ceil(high / 2) : high;
    const many = Math.max(2, ...lines.map((line) => line.points.length));
    const x = (place) => LEFT + (place / (many - 1)) * (width() - LEFT);
    const y = (value) => TOP + (1 - value / most) * (height - TOP - BOTTOM);
    return { shown, most, many, x, y };
  };
  const ofEvent = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT);
    return Math.max(0, Math.min(scale().many - 1, Math.round(share * (scale().many - 1))));
  };
  let began = null;
  const drawing = () => {
    const { shown, most, x, y } = scale();
    const answer = data();
    const position = (moment) => LEFT + ((moment - answer.from) / (answer.to - answer.from || 1)) * (width() - LEFT);
    return svg(
      'svg',
      {
        viewBox: `0 0 ${width()} ${height}`, height, role: 'img', 'aria-label': sentence(title, answer, format),
        onpointermove: (event) => at.set(ofEvent(event)),
        onpointerleave: () => at.set(null),
        onpointerdown: (event) => (began = onzoom ? ofEvent(event) : null),
        onpointerup: (event) => {
          const end = ofEvent(event);
          if (began !== null && Math.abs(end - began) > 1) onzoom(answer.from + Math.min(began, end) * answer.step, answer.from + Math.max(began, end) * answer.step);
          began = null;
        },
      },
      (answer.gaps ?? []).map(([from, to]) => svg('rect', { class: 'gap', x: position(from), y: TOP, width: Math.max(2, position(to ?? answer.to) - position(from)), height: height - TOP - BOTTOM }, svg('title', 'Nothing was heard here'))),
      [0, 0.5, 1].map((share) => [
        svg('line', { class: 'grid', x1: LEFT, x2: width(), y1: y(most * share), y2: y(most * share) }),
        svg('text', { x: LEFT - 6, y: y(most * share) + 4, 'text-anchor': 'end' }, share === 0 ? '0' : format(most * share)),
      ]),
      svg('text', { x: LEFT, y: height - 3 }, time(answer.from)),
      svg('text', { x: width(), y: height - 3, 'text-anchor': 'end' }, time(answer.to)),
      shown.map((line, place) =>
        kind === 'areas'
          ? svg('path', { class: `area c${colour(line, place)}`, d: areaOf(line.points, x, y) })
          : svg('path', { class: `path c${colour(line, place)} ${line.earlier ? 'earlier' : ''}`, d: pathOf(line.points, x, y) }),
      ),
      () => (at() === null ? null : svg('line', { class: 'cursor', x1: x(at()), x2: x(at()), y1: TOP, y2: height - BOTTOM })),
    );
  };
  const legend = () => {
    const place = at();
    const answer = data();
    return h(
      'div', { class: 'legend' },
      place === null ? null : h('strong', time(answer.from + place * answer.step)),
      answer.lines.map((line, index) => h('span', h('i', { class: `dot c${colour(line, index)}` }), `${line.label ?? line.key} `, h('strong', format(place === null ? last(line) : line.points[place])))),
      h('button', { type: 'button', class: 'link', 'aria-pressed': String(table()), onclick: () => table.set(!table.peek()) }, table() ? 'As chart' : 'As table'),
    );
  };
  const holder = h('div', { class: 'chart' }, () => (table() ? asTable(title, data(), format) : drawing()), legend);
  const seen = new ResizeObserver(([entry]) => entry.contentRect.width > 0 && width.set(Math.round(entry.contentRect.width)));
  seen.observe(holder);
  ended(() => seen.disconnect());
  return holder;
};

/** A line as large as a word. */
export const spark = (points, label) => {
  const known = (points ?? []).filter((value) => value !== null && value !== undefined);
  if (known.length < 2) return h('span', { class: 'muted' }, '–');
  const most = Math.max(...known) || 1;
  const many = points.length - 1;
  const text = `${label}: ${number(known[known.length - 1])} now, at most ${number(most)}`;
  return svg('svg', { class: 'spark', viewBox: '0 0 88 20', role: 'img', 'aria-label': text }, svg('title', text), svg('path', { d: pathOf(points, (place) => 1 + (place / many) * 86, (value) => 18 - (value / most) * 16) }));
};

/** How full something is; `warns` when nothing is left. */
export const meter = (part, whole, label, { warns = true } = {}) => {
  if (part === null || part === undefined || !whole) return null;
  const bar = h('i', { style: { width: `${Math.min(100, (part / whole) * 100)}%` } });
  return h('span', { class: `meter ${warns && part >= whole ? 'full' : ''}`, role: 'img', 'aria-label': `${label}: ${part} of ${whole}` }, bar);
};
