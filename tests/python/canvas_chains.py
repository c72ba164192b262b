"""Chains, partial and immutable signatures, links."""
from celery import chain, chord, group

from canvas_kit import CHORDS, STORE, book, case, eventually, get, ids_of, key, raised, raised_type, untouched
from conf_tasks import add, add_not_typed, delayed_sum, echo_args, identity, mul, record, record_result, tsum


@case()
def one_signature():
    return get(add.s(2, 3).delay()), 5


@case()
def partial_arguments_come_after_those_of_the_call():
    got = get(echo_args.s(2, b=1).apply_async(args=(1,), kwargs={'a': 0}))
    return got, {'args': [1, 2], 'kwargs': {'a': 0, 'b': 1}}


@case()
def immutable_signature_takes_no_arguments():
    return get(add.si(2, 3).apply_async(args=(100,))), 5


@case()
def chain_of_three():
    return get((add.s(2, 2) | mul.s(3) | add.s(1))()), 13


@case()
def chain_of_one():
    return get(chain(add.s(1, 1))()), 2


@case()
def chain_by_name():
    from python_app import app_of_the_run
    app = app_of_the_run()
    steps = [app.signature('conf_tasks.add', (2, 2)), app.signature('conf_tasks.mul', (10,))]
    return get(chain(*steps)()), 40


@case()
def chain_passes_over_an_immutable_step():
    return get((add.s(2, 2) | add.si(5, 5) | add.s(1))()), 11


@case()
def chain_with_keyword_arguments_in_its_steps():
    return get((add.s(1, 2) | add.s(y=3) | echo_args.s(k=[1]))()), {'args': [6], 'kwargs': {'k': [1]}}


@case()
def chain_gives_its_own_arguments_to_the_first_step():
    return get(chain(add.s(4), mul.s(2)).apply_async(args=(6,))), 20


@case()
def chain_of_chains():
    return get(((add.s(1, 1) | mul.s(2)) | (add.s(1) | (mul.s(10) | add.s(3))))()), 53


@case()
def chain_of_fifty():
    return get(chain(add.s(0, 1), *[add.s(1) for _ in range(49)])()), 50


@case()
def chain_passes_null_and_false_on():
    return get((identity.s(None) | identity.s() | echo_args.s(False))()), {'args': [None, False], 'kwargs': {}}


@case()
def chain_passes_structures_on():
    value = {'a': [1, {'b': [None, [], {}]}], 'ü': '🦀'}
    return get((identity.s(value) | identity.s())()), value


@case(STORE)
def chain_results_are_linked_to_their_parents():
    last = (add.s(1, 1) | add.s(2) | add.s(3))()
    values = [get(last), get(last.parent), get(last.parent.parent)]
    return values + [last.parent.parent.parent], [7, 4, 2, None]


@case()
def chain_ends_under_the_id_that_was_asked_for():
    task_id = key()
    last = (add.s(1, 1) | add.s(2)).apply_async(task_id=task_id)
    return [get(last), last.id], [4, task_id]


@case()
def chain_step_with_a_countdown():
    return get((add.s(1, 1) | add.s(2).set(countdown=0.7) | add.s(3))()), 7


@case()
def chain_with_a_countdown_delays_the_first_step():
    return get((add.s(1, 1) | add.s(2)).apply_async(countdown=0.5)), 4


@case()
def chain_with_untyped_tasks():
    return get((add_not_typed.s(1, 1) | add_not_typed.s(1))()), 3


@case()
def unchained_tasks_run_one_by_one():
    tasks = chain(add.s(1, 1), add.s(5), mul.s(2)).unchain_tasks()
    first = tasks[0].delay()
    return [get(first), get(tasks[1].delay(10)), get(tasks[2].delay(10))], [2, 15, 20]


# -- groups in chains -----------------------------------------------------

@case(CHORDS)
def chain_with_a_group_in_the_middle_becomes_a_chord():
    return get((add.s(1, 1) | group(add.s(3), add.s(4)) | tsum.s())()), 11


@case(CHORDS)
def chain_that_begins_with_a_group():
    return get((group(add.s(1, 1), add.s(2, 2)) | tsum.s())()), 6


@case(CHORDS)
def chain_that_goes_on_after_a_chord():
    return get((group(add.s(1, 1), add.s(2, 2)) | tsum.s() | mul.s(10) | add.s(1))()), 61


@case()
def chain_that_ends_with_a_group():
    return get((add.s(1, 1) | group(add.s(1), add.s(2), mul.s(10)))()), [3, 4, 20]


@case(CHORDS)
def group_after_group():
    canvas = group(identity.s(1), identity.s(2)) | group(identity.s(), tsum.s())
    return get(canvas()), [[1, 2], 3]


@case(CHORDS)
def chain_of_several_chords():
    canvas = chain(
        add.s(1, 1), group(add.s(1), add.s(2)), tsum.s(),
        group(add.s(0), mul.s(2), mul.s(3)), tsum.s(), mul.s(2))
    return get(canvas()), 84


@case(CHORDS)
def chain_with_three_groups_in_a_row():
    two = group(identity.s(), identity.s())
    got = get((identity.s(1) | two | two | two)())
    return got, [[[1, 1], [1, 1]], [[1, 1], [1, 1]]]


@case(CHORDS)
def groups_of_chains_inside_a_chain():
    canvas = add.s(1, 1) | group(add.s(1) | mul.s(2), mul.s(3) | add.s(1) | add.s(1)) | tsum.s()
    return get(canvas()), 14


@case(CHORDS)
def group_of_one_inside_a_chain():
    return get((add.s(1, 1) | group([add.s(5)]) | identity.s())()), 7


# -- links ----------------------------------------------------------------

@case()
def link_gets_the_result():
    name = key()
    value = get(add.apply_async((2, 2), link=record_result.s('x', name)))
    return [value, book(name, ['x'])], [4, ['x']]


@case()
def immutable_link_gets_nothing():
    name = key()
    value = get(add.apply_async((2, 2), link=record.si('only', name)))
    return [value, book(name, ['only'])], [4, ['only']]


@case()
def several_links_are_all_called():
    name = key()
    sig = add.s(2, 2)
    for number in range(5):
        sig.link(record.si(f'{number}', name))
    value = get(sig.delay())
    return [value, book(name, list('01234'), ordered=False)], [4, list('01234')]


@case(STORE)
def results_of_links_are_children():
    result = add.apply_async((2, 2), link=[mul.s(10), add.s(1)])
    get(result)
    # Celery sends several links that are tasks as one group.
    return eventually(lambda: [get(child) for child in result.children or []], [[40, 5]]), [[40, 5]]


@case(STORE)
def link_of_a_link():
    result = add.apply_async((1, 1), link=add.s(2).set(link=[mul.s(10)]))
    get(result)
    child = result.children[0]
    get(child)
    return [get(child), get(child.children[0])], [4, 40]


@case()
def link_of_a_chain_is_called_after_its_end():
    name = key()
    value = get((add.s(2, 2) | mul.s(2)).apply_async(link=record_result.s('end', name)))
    return [value, book(name, ['end'])], [8, ['end']]


@case(STORE)
def a_chain_as_link():
    result = add.apply_async((2, 2), link=chain(add.s(1), mul.s(10)))
    get(result)
    eventually(lambda: len(result.children or []), 1)
    first = result.children[0]
    return [get(first), eventually(lambda: [get(child) for child in first.children or []], [50])], [5, [50]]


@case(CHORDS, STORE)
def a_chord_as_link():
    name = key()
    result = add.apply_async((2, 2), link=chord([add.s(1), add.s(2)], record_result.s('body', name)))
    return [get(result), book(name, ['body'])], [4, ['body']]


@case()
def a_group_as_link():
    name = key()
    result = add.apply_async((2, 2), link=group(record_result.s('a', name), record_result.s('b', name)))
    return [get(result), book(name, ['a', 'b'], ordered=False)], [4, ['a', 'b']]


@case()
def link_of_a_failed_task_is_not_called():
    from conf_tasks import fail
    name = key()
    result = fail.apply_async(('why',), link=record.si('no', name))
    return [raised(result), untouched(name)], [['ExpectedException', 'Task expected to fail'], []]


@case()
def expired_step_ends_the_chain():
    name = key()
    canvas = add.s(1, 1) | delayed_sum.si([1], 0).set(expires=-1) | record.si('no', name)
    result = canvas()
    return [raised_type(result.parent), untouched(name), len(ids_of(result))], ['TaskRevokedError', [], 2]
