// Small pictures, drawn as lines in the colour of the text beside them.

import { svg } from '../core/dom.js';

const PATHS = {
  overview: 'M2.5 9.5 8 3.5l5.5 6M4 8v5h8V8',
  tasks: 'M5.5 4H14M5.5 8H14M5.5 12H14M2 4h.5M2 8h.5M2 12h.5',
  workflows: 'M2.5 2.5h4v3h-4zM9.5 10.5h4v3h-4zM4.5 5.5V12h5M2.5 8',
  queues: 'M2.5 3.5h11v2.6h-11zM2.5 6.8h11M2.5 9.6h11v2.9h-11z',
  workers: 'M3 3h10v4H3zM3 9h10v4H3zM5.5 5h.1M5.5 11h.1',
  schedules: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.3 1.6',
  dead: 'M2.5 4.5h11v8h-11zM2.5 5l5.5 4 5.5-4M10 11l3 3M13 11l-3 3',
  errors: 'M8 2.5 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1',
  names: 'M2.5 8.5v-5h5l6 6-5 5zM5.2 6.2h.1',
  metrics: 'M2.5 13.5V3M2.5 13.5h11M5 11V8M8 11V5M11 11V7',
  alerts: 'M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.8 14h2.4',
  activity: 'M2 8.5h2.8L6.5 4l3 8.5 1.7-4H14',
  settings: 'M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M3.6 12.4 5 11M11 5l1.4-1.4',
  more: 'M3.5 8h.1M8 8h.1M12.5 8h.1',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4 14 14',
  close: 'M4 4l8 8M12 4l-8 8',
  play: 'M5 3v10l8-5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M3.6 12.4l1-1M11.4 4.6l1-1',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  sent: 'M14 2 7 9M14 2l-4.5 12L7 9 2 6.5z',
  received: 'M8 2v7M5 6.5 8 9.5l3-3M2.5 10.5v3h11v-3',
  started: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.8 5.6v4.8L10.4 8z',
  success: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM5.4 8.2 7.2 10l3.5-4',
  failure: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6 6l4 4M10 6l-4 4',
  retry: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  revoked: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM3.8 3.8l8.4 8.4',
  rejected: 'M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM5.5 8h5',
  lost: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.3 6.3A1.8 1.8 0 1 1 8 8.4v.8M8 11.4v.1',
  draining: 'M2.5 3h11L9.5 8v5l-3-1.5V8z',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3v3.7M8 5v.1',
  plus: 'M8 3v10M3 8h10',
  dot: 'M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
};

/** A picture that says nothing to who cannot see it: there are words beside it. */
export const icon = (name) => svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: PATHS[name] ?? PATHS.dot }));

/** The outline alone, for other drawings. */
export const outline = (name) => PATHS[name] ?? PATHS.dot;
