"""Tasks that are replaced while they run."""
from celery import chain, chord, group

from canvas_kit import ANSWERS, CHORDS, STORE, book, case, ended, get, key, outcome, raised, raised_type
from conf_tasks import (add, add_replaced, add_to_all, fail_replaced, identity, ids, mul, replace_with_chain,
                        replace_with_chain_which_raises, replace_with_chord, replace_with_empty_chain,
                        replace_with_group, second_order_replace1, tsum, xsum)

FAILED = ['ExpectedException', 'Task expected to fail']


@case(ANSWERS)
def task_is_replaced_by_a_task():
    return get(add_replaced.delay(1, 2)), 3


@case()
def replaced_step_of_a_chain():
    return get((add.s(1, 1) | add_replaced.s(2) | mul.s(10))()), 40


@case(ANSWERS)
def task_is_replaced_by_a_chain():
    return get(replace_with_chain.delay('value')), 'value'


@case()
def step_is_replaced_by_a_chain():
    return get((add.s(1, 1) | replace_with_chain.s() | mul.s(3))()), 6


@case(ANSWERS)
def link_of_the_replacement_gets_its_result():
    # The task writes to the books of all cases, so it is told from others by its value.
    value = key()
    result = replace_with_chain.delay(value)
    return [get(result), told(value)], [value, 1]


@case(ANSWERS)
def link_of_the_replacement_may_be_immutable():
    message = key()
    result = replace_with_chain.delay('value', link_msg=message)
    return [get(result), told(message)], ['value', 1]


@case(ANSWERS)
def errback_of_the_replacement_is_called():
    message = key()
    result = replace_with_chain_which_raises.delay('value', link_msg=message)
    return [raised(result), told(message)], [['ValueError', 'deliberate error'], 1]


def told(message):
    """How often this stands in the list that `redis_echo` writes to."""
    from canvas_kit import entries, eventually
    return eventually(lambda: entries('redis-echo').count(message), 1)


@case(ANSWERS)
def task_is_replaced_by_a_failing_task():
    return raised(fail_replaced.delay('why')), FAILED


@case()
def replacement_by_an_empty_chain_fails():
    return raised_type(replace_with_empty_chain.delay(1)), 'ImproperlyConfigured'


@case(CHORDS)
def task_is_replaced_by_a_group():
    return get(replace_with_group.delay([1, 2, 3])), [1, 2, 3]


@case(CHORDS)
def task_is_replaced_by_a_chord():
    return get(replace_with_chord.delay([1, 2, 3])), 6


@case(CHORDS)
def step_is_replaced_by_a_group():
    return get((identity.s([1, 2, 3]) | add_to_all.s(10) | tsum.s())()), 36


@case(CHORDS)
def step_is_replaced_by_a_chord():
    return get((identity.s([1, 2]) | replace_with_chord.s() | mul.s(10))()), 30


@case(ANSWERS)
def replacement_of_a_replacement():
    name = key()
    get(second_order_replace1.delay(key=name))
    return book(name, ORDER), ORDER


ORDER = ['In A', 'In B', 'In/Out C', 'Out B', 'Out A']


@case()
def replacement_of_a_replacement_inside_a_chain():
    name = key()
    got = get((second_order_replace1.si(key=name) | add.si(1, 1))())
    return [got, book(name, ORDER)], [2, ORDER]


@case(ANSWERS)
def members_of_a_group_are_replaced():
    return get(group(add_replaced.s(n, n) for n in range(3))()), [0, 2, 4]


@case(CHORDS)
def members_of_a_chord_are_replaced():
    canvas = chord([add_replaced.s(1, 1), replace_with_chain.s(5), add.s(3, 3)], identity.s())
    return get(canvas()), [2, 5, 6]


@case(CHORDS)
def members_of_a_chord_are_replaced_by_chords():
    canvas = chord([replace_with_chord.s([1, 2]), replace_with_chord.s([3, 4]), add.s(1, 1)], identity.s())
    return get(canvas()), [3, 7, 2]


@case(CHORDS)
def members_of_a_chord_are_replaced_by_groups():
    canvas = chord([add_to_all.s([1, 2], 10), add_to_all.s([3, 4], 10)], xsum.s())
    return get(canvas()), 50


@case(CHORDS)
def body_of_a_chord_is_replaced():
    return get(chord([add.s(1, 1), add.s(2, 2)], replace_with_chord.s())()), 6


@case(CHORDS)
def body_of_a_chord_is_replaced_by_a_group():
    return get(chord([add.s(1, 1), add.s(2, 2)], add_to_all.s(1))()), [3, 5]


@case(CHORDS)
def replaced_member_that_fails_fails_the_chord():
    return ended(chord([fail_replaced.s(), add.s(1, 1)], tsum.s())()), 'ChordError'


@case(CHORDS)
def replaced_steps_of_chains_in_a_chord():
    canvas = chord([add_replaced.s(n, 1) | mul.s(2) for n in range(3)], identity.s())
    return get(canvas()), [2, 4, 6]


@case(STORE)
def replaced_member_leaves_the_others_alone():
    result = group(fail_replaced.s(), add.s(1, 1), add_replaced.s(2, 2))()
    return [outcome(member) for member in result.results], ['ExpectedException', 2, 4]


@case()
def step_after_a_replaced_step_has_it_as_parent():
    result = chain(add_replaced.si(1, 1), ids.si('x'))()
    root, parent, mark = get(result)
    return [root == result.parent.id, parent == result.parent.id, mark], [True, True, 'x']
