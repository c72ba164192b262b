"""Chords of every nesting that end well. All of this needs a backend with chords."""
from celery import chain, chord, group

from canvas_kit import CHORDS, STORE, book, case, eventually, get, ids_of, key, members
from conf_tasks import (add, add_chord_to_chord, add_ignore_result, add_to_all_to_chord, auto_retry, chord_add,
                        delayed_sum, echo_args, identity, mul, record, record_result, retry_args, retry_once, tsum,
                        xsum)


def sums(*ranges):
    """A header of additions that give these numbers."""
    return [add.s(n, 0) for n in ranges]


@case(CHORDS)
def chord_of_tasks():
    return get(chord(sums(*range(10)), tsum.s())()), 45


@case(CHORDS)
def chord_results_keep_the_order_of_the_header():
    canvas = chord([delayed_sum.s([n], (5 - n) * 0.1) for n in range(5)], identity.s())
    return get(canvas()), [0, 1, 2, 3, 4]


@case(CHORDS)
def chord_with_an_immutable_body():
    return get(chord(sums(1, 2), add.si(20, 3))()), 23


@case(CHORDS)
def chord_body_with_arguments_of_its_own():
    return get(chord(sums(1, 2), echo_args.s('own', k=1))()), {'args': [[1, 2], 'own'], 'kwargs': {'k': 1}}


@case(CHORDS)
def chord_gives_its_arguments_to_the_header():
    return get(chord([add.s(1), mul.s(2)], tsum.s()).apply_async((10,))), 31


@case(CHORDS)
def chord_with_an_empty_header():
    return get(chord([], tsum.s())()), 0


@case(CHORDS)
def chord_of_one():
    return get(chord([add.s(2, 2)], identity.s())()), [4]


@case(CHORDS)
def chord_with_a_group_as_header():
    return get(chord(group(sums(1, 2, 3)), tsum.s())()), 6


@case(CHORDS)
def chord_with_a_generator_as_header():
    return get(chord((add.s(n, n) for n in range(5)), tsum.s())()), 20


@case(CHORDS)
def chord_with_a_chain_as_body():
    return get(chord(sums(1, 2), tsum.s() | mul.s(10) | add.s(1))()), 31


@case(CHORDS)
def chord_with_a_group_as_body():
    return get(chord(sums(1, 2), group(tsum.s(), identity.s()))()), [3, [1, 2]]


@case(CHORDS)
def chord_with_a_chord_as_body():
    return get(chord(sums(1, 2), chord([tsum.s(), identity.s(), xsum.s()], identity.s()))()), [3, [1, 2], 3]


@case(CHORDS)
def chord_with_a_chain_that_ends_with_a_group_as_body():
    return get(chord(sums(1, 2), tsum.s() | group(add.s(1), add.s(2)))()), [4, 5]


@case(CHORDS)
def chord_with_a_chain_that_holds_a_chord_as_body():
    return get(chord(sums(1, 2), tsum.s() | group(add.s(1), add.s(2)) | tsum.s())()), 9


@case(CHORDS)
def chord_of_chains():
    return get(chord([add.s(n, n) | mul.s(2) | add.s(1) for n in range(4)], tsum.s())()), 28


@case(CHORDS)
def chord_of_chains_of_different_length():
    canvas = chord([add.s(1, 1), add.s(2, 2) | add.s(1), chain(add.s(3, 3), mul.s(2), add.s(1))], identity.s())
    return get(canvas()), [2, 5, 13]


@case(CHORDS)
def chord_with_groups_in_its_header():
    canvas = chord([group(sums(1, 2)), group(sums(3, 4)), identity.s(5)], identity.s())
    got = get(canvas())
    return sorted(flat(got)), [1, 2, 3, 4, 5]


def flat(value):
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, list) else [value]


@case(CHORDS)
def chord_in_the_header_of_a_chord():
    return get(chord([chord(sums(1, 2), tsum.s()), chord(sums(3, 4), tsum.s())], identity.s())()), [3, 7]


@case(CHORDS)
def chords_three_deep():
    inner = chord(sums(1, 2), tsum.s())
    middle = chord([inner, add.s(10, 0)], tsum.s())
    return get(chord([middle, add.s(100, 0)], tsum.s())()), 113


@case(CHORDS)
def chord_with_chains_that_hold_chords_in_its_header():
    header = [add.s(n, 0) | group(add.s(1), add.s(2)) | tsum.s() | mul.s(2) for n in range(3)]
    return get(chord(header, identity.s())()), [6, 10, 14]


@case(CHORDS)
def chord_with_chains_that_end_with_groups_in_its_header():
    header = [add.s(n, 0) | group(add.s(1), add.s(2)) for n in range(2)]
    return sorted(flat(get(chord(header, identity.s())()))), [1, 2, 2, 3]


@case(CHORDS)
def chain_of_chords():
    canvas = chain(chord(sums(1, 2), tsum.s()), chord([add.s(1), add.s(2)], tsum.s()), mul.s(10))
    return get(canvas()), 90


@case(CHORDS)
def chord_after_a_group():
    canvas = group(sums(1, 2)) | chord([identity.s(), tsum.s()], identity.s())
    return get(canvas()), [[1, 2], 3]


@case(CHORDS)
def chord_bodies_in_a_group():
    canvas = group(chord(sums(n, n), tsum.s()) for n in range(3)) | tsum.s()
    return get(canvas()), 6


@case(CHORDS, limit=120)
def chord_of_three_hundred():
    return get(chord([add.s(n, 1) for n in range(300)], tsum.s())()), sum(range(1, 301))


@case(CHORDS, limit=120)
def chord_of_chains_of_chords_of_fifty():
    header = [chord(sums(*range(5)), tsum.s()) | add.s(n) for n in range(50)]
    return get(chord(header, tsum.s())()), 50 * 10 + sum(range(50))


@case(CHORDS)
def chord_with_retried_members_counts_each_once():
    name = key()
    header = [retry_once.s(countdown=0.05), auto_retry.s(), retry_args.s(0), identity.s(7)]
    return [get(chord(header, echo_args.s(0))())['args'], len(ids_of(chord(header, record_result.s('b', name))())),
            book(name, ['b'])], [[[1, 1, 3, 7], 0], 1, ['b']]


@case(CHORDS)
def chord_with_delayed_members():
    return get(chord([add.s(1, 1).set(countdown=0.5), add.s(2, 2)], tsum.s())()), 6


@case(CHORDS)
def chord_with_a_countdown():
    return get(chord(sums(1, 2), tsum.s()).apply_async(countdown=0.5)), 3


@case(CHORDS)
def chord_body_with_a_countdown():
    return get(chord(sums(1, 2), tsum.s().set(countdown=0.5))()), 3


@case(CHORDS)
def chord_of_members_that_ignore_their_results():
    # The counting does not depend on what is stored for the member.
    return get(chord([add_ignore_result.s(1, 1), add_ignore_result.s(2, 2), add.s(3, 3)], identity.s())()), [2, 4, 6]


@case(CHORDS)
def chord_of_calls_that_ignore_their_results():
    canvas = chord([add.s(1, 1).set(ignore_result=True), add.s(2, 2).set(ignore_result=True)], tsum.s())
    return get(canvas()), 6


@case(CHORDS)
def chord_body_runs_once():
    name = key()
    result = chord(sums(*range(20)), record_result.s('body', name))()
    return [get(result)[0], book(name, ['body'])], ['body', ['body']]


@case(CHORDS)
def chord_body_ends_under_the_id_that_was_asked_for():
    task_id = key()
    result = chord(sums(1, 2), tsum.s()).apply_async(task_id=task_id)
    return [get(result), result.id], [3, task_id]


@case(CHORDS, STORE)
def chord_result_has_its_header_as_parent():
    result = chord(sums(1, 2, 3), tsum.s())()
    return [get(result), [get(member) for member in members(result.parent)]], [6, [1, 2, 3]]


@case(CHORDS)
def link_of_a_chord_is_called_by_its_body():
    name = key()
    canvas = chord(sums(1, 2), tsum.s())
    canvas.link(record_result.s('linked', name))
    return [get(canvas()), book(name, ['linked'])], [3, ['linked']]


@case(CHORDS)
def link_of_a_chord_by_option():
    name = key()
    result = chord(sums(1, 2), tsum.s()).apply_async(link=record_result.s('linked', name))
    return [get(result), book(name, ['linked'])], [3, ['linked']]


@case(CHORDS, STORE)
def chord_started_inside_a_task():
    result = chord_add.delay(1, 2)
    get(result)
    # What a chord leaves as a child is its header.
    return eventually(lambda: [get(child) for child in result.children or []], [[2, 4]]), [[2, 4]]


@case(CHORDS)
def member_adds_to_its_chord():
    canvas = chord([add_to_all_to_chord.s([1, 2, 3], 10), add.s(1, 1)], echo_args.s('own'))
    args = get(canvas())['args']
    return [sorted(args[0]), args[1]], [[0, 2, 11, 12, 13], 'own']


@case(CHORDS)
def member_adds_a_chord_to_its_chord():
    canvas = chord([add_chord_to_chord.s([1, 2], 10), add.s(1, 1)], identity.s())
    return sorted(get(canvas())), [0, 2, 23]


@case(CHORDS)
def chord_header_with_kept_books():
    name = key()
    get(chord([record.s(f'{n}', name) for n in range(30)], echo_args.s())())
    numbers = [f'{n}' for n in range(30)]
    return book(name, numbers, ordered=False), sorted(numbers)
