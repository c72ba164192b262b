// Lists that somebody looks at again and again, under a name.

import { may, path, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { go, toQuery } from '../core/router.js';
import { resource } from '../core/resource.js';
import { ask, field } from './dialog.js';
import { menu } from './menu.js';
import { say } from './toast.js';

/** Saved views of the list of tasks, and a button to save the one of now: `text` and `sort` are what is looked at. */
export const views = (text, sort) => {
  const source = resource(() => path('views'));
  const save = () => {
    const name = h('input', { required: true, autofocus: true, maxlength: '80' });
    ask({ title: 'Save this view', body: [field('Name', name), h('p', { class: 'hint' }, `Query: ${text.peek() || 'everything'}. Everybody who uses this board sees it.`)], action: 'Save', act: async () => {
      await post(path('views'), { name: name.value, query: text.peek(), sort: sort.peek() });
      say('Saved');
      source.again();
    } });
  };
  const forget = (view) => ask({ title: `Delete the view ${view.name}?`, body: h('p', 'For everybody.'), action: 'Delete', danger: true, act: async () => {
    await post(path('views', view.id, 'delete'));
    say('Deleted');
    source.again();
  } });
  const own = () => source.data()?.views ?? [];
  const button = menu('Views', () => [
    ...own().map((view) => ({ text: view.name, act: () => go(toQuery(['tasks'], { q: view.query, sort: view.sort })) })),
    may('task.retry') && { text: 'Save this view …', act: save },
    ...(may('task.retry') ? own().map((view) => ({ text: `Delete ${view.name} …`, act: () => forget(view), danger: true })) : []),
  ]);
  button.className = '';
  button.replaceChildren('Views');
  return button;
};
