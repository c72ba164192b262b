// One kind of error.

import { path } from '../core/api.js';
import { h } from '../core/dom.js';
import { resource } from '../core/resource.js';
import { to, toQuery } from '../core/router.js';
import { count } from '../core/format.js';
import { spark } from '../part/chart.js';
import { block } from '../part/copy.js';
import { age, empty, shown } from '../part/notice.js';
import { card, facts, head } from '../part/page.js';
import { taskTable, when } from '../part/rows.js';

/** The page. */
export default ({ fingerprint }) => {
  const source = resource(() => path('errors', fingerprint), { every: 10 });
  const one = source.data;
  return [
    head(h('span', () => one()?.class ?? 'Error'), { crumb: { href: to('errors'), text: 'Errors' }, sub: age(source.at, 30), actions: () => (one()?.class ? h('a', { class: 'button', href: toQuery(['tasks'], { q: `error:${one().class}` }) }, 'Search tasks') : null) }),
    shown(source, () => [
      h('div', { class: 'two' },
        card('Text', () => [h('p', { class: 'mono bad' }, one().text), one().example?.traceback ? block('Traceback of one', one().example.traceback) : null]),
        card('Seen', () => facts([['Times', count(one().count)], ['First', when(one().first)], ['Last', when(one().last)], ['Trend', spark(one().spark, 'Trend')], ['Tasks', (one().names ?? []).map((name) => [h('a', { href: to('names', name) }, name), ' '])]])),
      ),
      card('Tasks that failed so', taskTable('Tasks', () => one().tasks, { none: () => empty('None is kept', 'They have been deleted from the history by age.') }), { tight: true }),
    ]),
  ];
};
