// Numbers, times and names as people read them.
//
// Kept true here: what is not known is a dash, never a zero.

export const UNKNOWN = '–';
const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const digits = [0, 1, 2].map((most) => new Intl.NumberFormat('en', { maximumFractionDigits: most }));

/** `12,345`; from a million on `1.2M`. */
export const count = (value) => (!known(value) ? UNKNOWN : Math.abs(value) >= 1e6 ? short.format(value) : whole.format(value));

/** A number with as many digits as say something. */
export const number = (value) => {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  return size >= 1e5 ? short.format(value) : digits[size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2].format(value);
};

/** `4.2 %` of a share. */
export const percent = (share) => (known(share) ? `${number(share * 100)} %` : UNKNOWN);

/** `12/s` */
export const rate = (value) => (known(value) ? `${number(value)}/s` : UNKNOWN);

/** A time that something took: `12 ms`, `1.4 s`, `7 m 12 s`, `3 h 5 m`, `2 d 4 h`. */
export const duration = (seconds) => {
  if (!known(seconds)) return UNKNOWN;
  const [sign, s] = [seconds < 0 ? '−' : '', Math.abs(seconds)];
  if (s === 0) return '0 s';
  if (s < 0.001) return `${sign}${number(s * 1e6)} µs`;
  if (s < 1) return `${sign}${number(s * 1000)} ms`;
  if (s < 60) return `${sign}${digits[s < 10 ? 1 : 0].format(s)} s`;
  const two = (big, unit, small, lower) => `${sign}${big} ${unit}${small ? ` ${small} ${lower}` : ''}`;
  if (s < 3600) return two(Math.floor(s / 60), 'm', Math.floor(s % 60), 's');
  if (s < 86_400) return two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'm');
  return two(whole.format(Math.floor(s / 86_400)), 'd', Math.floor((s % 86_400) / 3600), 'h');
};

/** `3 s ago`, `in 5 m` */
export const ago = (time, now = Date.now() / 1000) => {
  if (!known(time)) return UNKNOWN;
  const passed = now - time;
  if (Math.abs(passed) < 1) return 'now';
  const text = duration(Math.abs(passed) < 60 ? Math.round(Math.abs(passed)) : Math.abs(passed));
  return passed < 0 ? `in ${text}` : `${text} ago`;
};

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' });

/** `14:02:11`; on another day the date, too. */
export const time = (seconds) => {
  if (!known(seconds)) return UNKNOWN;
  const date = new Date(seconds * 1000);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : day.format(date);
};

/** Date, time and zone. */
export const moment = (seconds) => {
  if (!known(seconds)) return UNKNOWN;
  const part = new Date(seconds * 1000);
  return `${full.format(part)} (${seconds.toFixed(3)})`;
};

/** `12 kB` */
export const bytes = (value) => {
  if (!known(value)) return UNKNOWN;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let step = 0;
  let left = value;
  while (Math.abs(left) >= 1000 && step < units.length - 1) [left, step] = [left / 1000, step + 1];
  return `${number(left)} ${units[step]}`;
};

/** `1 task`, `2 tasks` */
export const many = (value, one, more = `${one}s`) => `${count(value)} ${value === 1 ? one : more}`;

/** Some characters of an id: the first, or the last where the first are the time and alike in all (UUID 7). */
export const brief = (id) => {
  if (!known(id)) return UNKNOWN;
  const text = String(id);
  return /^.{8}-.{4}-7.{3}-.{4}-.{12}$/.test(text) ? `…${text.slice(-8)}` : text.slice(0, 8);
};

/** A text cut at a length, so that a megabyte does not become a page. */
export const cut = (text, most = 200) => (!known(text) ? UNKNOWN : String(text).length > most ? `${String(text).slice(0, most)}…` : String(text));

/** Any value as JSON. */
export const json = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** The same in one line. */
export const flat = (value) => json(value).replace(/\s+/g, ' ');

/** What a task is called with, in one line. */
export const given = ({ args, kwargs }) => [args, kwargs].filter(known).map(flat).join(' ');
