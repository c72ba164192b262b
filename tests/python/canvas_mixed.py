"""Canvases whose steps alternate between a Python worker (queue `python`) and a Rust worker (queue `rust`).

The nodes are called `py@…` and `rust@…`; both consume `celery` too, where what has no queue of its own goes.
"""
from celery import chain, chord, group

from canvas_kit import CHORDS, STORE, book, case, ended, eventually, get, key, members, outcome, raised, untouched
from conf_tasks import (add, add_replaced, add_to_all, add_to_all_to_chord, collect_ids, echo_args, errback_key,
                        errback_new_style, fail, identity, ids, mul, record, record_result, replace_with_chain,
                        replace_with_chord, replace_with_stamped_task, request_info, retry_once, tsum, whoami)


def py(sig):
    return sig.set(queue='python')


def rs(sig):
    return sig.set(queue='rust')


def turns(signatures, first=py):
    """The same signatures, one on Python, one on Rust, and so on."""
    second = rs if first is py else py
    return [(first, second)[place % 2](sig) for place, sig in enumerate(signatures)]


@case()
def steps_run_where_they_were_sent():
    canvas = group(turns([whoami.s(), whoami.s(), whoami.s(), whoami.s()]))
    return [name.split('@')[0] for name in get(canvas())], ['py', 'rust', 'py', 'rust']


@case()
def chain_of_ten_that_begins_in_python():
    return get(chain(*turns([add.s(0, 1)] + [add.s(1) for _ in range(9)]))()), 10


@case()
def chain_of_ten_that_begins_in_rust():
    return get(chain(*turns([add.s(0, 1)] + [add.s(1) for _ in range(9)], rs))()), 10


@case()
def value_of_every_kind_passes_through_both():
    value = {'a': [1, 2.5, None, True, {'ü': '🦀'}], 'n': 2 ** 70, 'text': 'x' * 1000}
    return get(chain(*turns([identity.s(value), identity.s(), identity.s(), identity.s()]))()), value


@case(CHORDS)
def chord_of_both_with_a_body_in_python():
    return get(chord(turns([add.s(n, 0) for n in range(40)]), py(tsum.s()))()), sum(range(40))


@case(CHORDS)
def chord_of_both_with_a_body_in_rust():
    return get(chord(turns([add.s(n, 0) for n in range(40)], rs), rs(tsum.s()))()), sum(range(40))


@case(CHORDS)
def chord_header_in_python_and_body_in_rust():
    return get(chord([py(add.s(n, 0)) for n in range(10)], rs(identity.s()))()), list(range(10))


@case(CHORDS)
def chord_header_in_rust_and_body_in_python():
    return get(chord([rs(add.s(n, 0)) for n in range(10)], py(identity.s()))()), list(range(10))


@case(CHORDS)
def chain_of_chords_by_turns():
    canvas = chain(py(add.s(1, 1)), group(turns([add.s(1), add.s(2)], rs)), rs(tsum.s()),
                   group(turns([add.s(0), mul.s(2)])), py(tsum.s()), rs(mul.s(10)))
    return get(canvas()), 210


@case(CHORDS)
def chord_in_a_chord_by_turns():
    inner = [chord(turns([add.s(n, 0), add.s(n, 1)]), body(tsum.s())) for n, body in ((1, py), (2, rs))]
    return get(chord([*inner, rs(add.s(1, 1))], py(identity.s()))()), [3, 5, 2]


@case(CHORDS)
def chord_of_chains_by_turns():
    header = [chain(*turns([add.s(n, 0), mul.s(2), add.s(1)], (py, rs)[n % 2])) for n in range(6)]
    return get(chord(header, rs(identity.s()))()), [n * 2 + 1 for n in range(6)]


@case(CHORDS)
def chord_body_is_a_chain_by_turns():
    canvas = chord(turns([add.s(1, 1), add.s(2, 2)]), chain(rs(tsum.s()), py(mul.s(2)), rs(add.s(1))))
    return get(canvas()), 13


@case(CHORDS)
def group_after_group_by_turns():
    canvas = group(turns([identity.s(1), identity.s(2)])) | group(turns([identity.s(), tsum.s()], rs))
    return get(canvas()), [[1, 2], 3]


@case(CHORDS)
def retried_members_of_both():
    canvas = chord(turns([retry_once.s(countdown=0.05) for _ in range(6)]), py(identity.s()))
    return get(canvas()), [1] * 6


@case()
def roots_and_parents_over_both():
    last = chain(*turns([ids.si(1), collect_ids.s(2), collect_ids.s(3)]))()
    middle = last.parent
    first = middle.parent
    expected = [[[first.id, None, 1], [first.id, first.id, 2]], [first.id, middle.id, 3]]
    return get(last), expected


@case()
def links_of_the_other_language():
    name = key()
    one = py(add.s(1, 1))
    one.link(rs(record_result.s('rust', name)))
    two = rs(add.s(2, 2))
    two.link(py(record_result.s('python', name)))
    return [get(one.delay()), get(two.delay()), book(name, ['python', 'rust'], ordered=False)], \
        [2, 4, ['python', 'rust']]


@case()
def errbacks_of_the_other_language():
    name = key()
    one, two = py(fail.s()), rs(fail.s())
    one.link_error(rs(errback_key.s(key=name)))
    two.link_error(py(errback_key.s(key=name)))
    results = [one.delay(), two.delay()]
    told = sorted(result.id for result in results)
    return [[outcome(result) for result in results], book(name, told, ordered=False)], \
        [['ExpectedException'] * 2, told]


@case()
def new_errbacks_are_called_where_the_task_failed():
    results = []
    for where in (py, rs):
        sig = where(fail.s('why'))
        sig.link_error(errback_new_style.s())
        results.append(sig.delay())
    return [[outcome(result), book(result.id, 1)] for result in results], [['ExpectedException', 1]] * 2


@case(STORE)
def failure_in_the_middle_reaches_the_end():
    name = key()
    wrong = []
    for first in (py, rs):
        result = chain(*turns([add.s(1, 1), fail.s(), record.si('no', name), record.si('no', name)], first))()
        wrong.append([raised(result), raised(result.parent), raised(result.parent.parent)])
    return [wrong, untouched(name)], [[[['ExpectedException', 'Task expected to fail']] * 3] * 2, []]


@case(CHORDS)
def failed_member_of_the_other_language():
    got = []
    for member, body in ((py, rs), (rs, py)):
        header = [member(fail.s()), body(add.s(1, 1)), member(add.s(2, 2))]
        got.append(ended(chord(header, body(tsum.s()))()))
    return got, ['ChordError', 'ChordError']


@case()
def replaced_steps_by_turns():
    canvas = chain(*turns([add_replaced.s(1, 1), replace_with_chain.s(), add_replaced.s(1), replace_with_chain.s(),
                           mul.s(2)]))
    return get(canvas()), 6


@case(CHORDS)
def replaced_members_of_both():
    canvas = chord(turns([replace_with_chord.s([1, 2]), replace_with_chord.s([3, 4]), add_replaced.s(1, 1),
                          add_replaced.s(2, 2)]), rs(identity.s()))
    return get(canvas()), [3, 7, 2, 4]


@case(CHORDS)
def steps_replaced_by_groups_of_the_other_language():
    canvas = chain(py(identity.s([1, 2])), rs(add_to_all.s(10)), py(add_to_all.s(1)), rs(tsum.s()))
    return get(canvas()), 25


@case(CHORDS)
def members_of_both_add_to_the_chord():
    canvas = chord(turns([add_to_all_to_chord.s([1, 2], 10), add_to_all_to_chord.s([3, 4], 10), add.s(1, 1)]),
                   py(identity.s()))
    got = get(canvas())
    return sorted(leaf for item in got for leaf in (item if isinstance(item, list) else [item])), \
        [0, 0, 2, 11, 12, 13, 14]


@case()
def stamps_travel_over_both():
    canvas = chain(*turns([add.s(1, 1), add.s(1), request_info.si()]), rs(request_info.si()))
    canvas.stamp(tenant='a')
    last = canvas()
    return [get(last)['stamps'], get(last.parent)['stamps']], [{'tenant': 'a'}] * 2


@case()
def stamped_replacements_of_both():
    got = []
    for where, other in ((py, rs), (rs, py)):
        sig = where(replace_with_stamped_task.s(replace_with=other(request_info.si())))
        info = get(sig.delay())
        got.append([info['stamps'], info['hostname'].split('@')[0]])
    text = {'StampOnReplace': 'This is the replaced task'}
    return got, [[text, 'rust'], [text, 'py']]


@case(CHORDS, STORE)
def children_over_both():
    last = chain(*turns([add.s(1, 1), add.s(1), add.s(1)]))()
    get(last)
    first = last.parent.parent
    children = eventually(lambda: [[c.id for c in r.children or []] for r in (first, last.parent)],
                          [[last.parent.id], [last.id]])
    return children, [[last.parent.id], [last.id]]


@case(CHORDS, limit=90)
def big_chord_of_both():
    canvas = chord(turns([add.s(n, 1) for n in range(500)]), rs(tsum.s()) | py(echo_args.s()))
    result = canvas()
    return get(result)['args'], [sum(range(1, 501))]


@case(CHORDS, STORE)
def header_of_both_can_be_read():
    result = chord(turns([add.s(n, n) for n in range(6)]), py(tsum.s()))()
    return [get(result), [get(member) for member in members(result.parent)]], [30, [0, 2, 4, 6, 8, 10]]
