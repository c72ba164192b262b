"""Groups, and tasks over many arguments: map, starmap, chunks."""
from celery import chord, group
from celery.result import GroupResult

from canvas_kit import CHORDS, CONTROL, STORE, book, case, eventually, get, key, members, outcome, raised_type
from conf_tasks import (add, add_ignore_result, auto_retry, echo_args, fail, identity, mul, record,
                        redis_echo_group_id, request_info, retry_once, tsum, xsum)


@case()
def group_of_tasks():
    return get(group(add.s(n, n) for n in range(10))()), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]


@case()
def empty_group():
    return get(group([])()), []


@case()
def group_of_one():
    return get(group([add.s(1, 2)])()), [3]


@case()
def group_gives_its_arguments_to_every_member():
    return get(group(add.s(1), mul.s(3), identity.si('own')).apply_async((10,))), [11, 30, 'own']


@case()
def group_of_chains():
    return get(group(add.s(1, 1) | mul.s(3), add.s(2, 2) | mul.s(3) | add.s(1))()), [6, 13]


@case()
def nested_groups_are_one_group():
    got = group(group(identity.s(1), group(identity.s(2), identity.s(3))), identity.s(4))()
    return [len(members(got)), get(got)], [4, [1, 2, 3, 4]]


@case(CHORDS)
def group_of_chords():
    return get(group(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), chord([add.s(3, 3)] * 2, tsum.s()))()), [6, 12]


@case(CHORDS)
def group_of_tasks_chains_and_chords():
    canvas = group(identity.s(1), add.s(1, 1) | mul.s(2), group(add.s(1, 1), add.s(2, 2)) | tsum.s())
    return get(canvas()), [1, 4, 6]


@case(CHORDS)
def group_of_chains_that_hold_groups():
    canvas = group((add.s(n, n) | group(add.s(1), add.s(2)) | tsum.s()) for n in range(4))
    return get(canvas()), [3, 7, 11, 15]


@case()
def group_of_three_hundred():
    return get(group(add.s(n, 1) for n in range(300))()), [n + 1 for n in range(300)]


@case()
def group_members_know_their_group_and_place():
    result = group(request_info.s(n) for n in range(4))()
    got = [[info['group'], info['group_index'], info['args']] for info in get(result)]
    return got, [[result.id, n, [n]] for n in range(4)]


@case()
def group_id_is_the_one_that_was_asked_for():
    name, group_id = key(), key()
    result = group(redis_echo_group_id.s(n, name) for n in range(3)).apply_async(task_id=group_id)
    get(result)
    return [result.id, book(name, [group_id] * 3)], [group_id, [group_id] * 3]


@case()
def group_with_a_failing_member_raises_its_exception():
    result = group(add.s(1, 1), fail.s('why'), add.s(2, 2))()
    return [raised_type(result), *map(outcome, members(result))], ['ExpectedException', 2, 'ExpectedException', 4]


@case(STORE)
def group_is_joined_without_raising():
    result = group(add.s(1, 1), fail.s('why'), add.s(2, 2))()
    one, error, two = result.join(propagate=False, timeout=30, interval=0.02)
    return [one, type(error).__name__, two], [2, 'ExpectedException', 4]


@case(STORE)
def group_counts_what_is_done():
    result = group(add.s(1, 1), fail.s('why'), add.s(2, 2))()
    eventually(result.ready, True)
    states = [result.ready(), result.successful(), result.failed(), result.waiting()]
    return states + [result.completed_count(), len(result)], [True, False, True, False, 2, 3]


@case(STORE)
def group_is_saved_and_restored():
    sent = group(add.s(n, n) for n in range(3))()
    sent.save()
    restored = GroupResult.restore(sent.id)
    got = [restored.id == sent.id, [r.id for r in restored] == [r.id for r in sent], get(restored)]
    restored.delete()
    return got + [GroupResult.restore(sent.id)], [True, True, [0, 2, 4], None]


@case(STORE)
def group_results_can_be_iterated_natively():
    result = group(add.s(n, n) for n in range(5))()
    got = {task_id: meta['result'] for task_id, meta in result.iter_native(timeout=30)}
    return [got[r.id] for r in result], [0, 2, 4, 6, 8]


@case(STORE)
def group_results_are_forgotten():
    result = group(add.s(n, n) for n in range(3))()
    get(result)
    result.forget()
    return [r.state for r in result], ['PENDING'] * 3


@case()
def group_with_a_countdown():
    return get(group(add.s(n, n) for n in range(3)).apply_async(countdown=0.5)), [0, 2, 4]


@case()
def skewed_group():
    return get(group(add.s(n, n) for n in range(4)).skew(start=0.1, stop=0.5, step=0.1)()), [0, 2, 4, 6]


@case()
def group_with_retried_members():
    return get(group(retry_once.s(countdown=0.05), auto_retry.s(), add.s(1, 1))()), [1, 1, 2]


@case()
def link_of_a_group_is_called_by_its_first_member():
    name = key()
    canvas = group(add.s(1, 1), add.s(2, 2))
    canvas.link(record.si('linked', name))
    return [get(canvas()), book(name, ['linked'])], [[2, 4], ['linked']]


@case(STORE)
def group_member_that_ignores_its_result():
    result = group(add.s(1, 1), add_ignore_result.s(2, 2), add.s(3, 3))()
    one, _, three = members(result)
    return [get(one), get(three)], [2, 6]


@case(CONTROL)
def revoked_member_of_a_group():
    from python_app import app_of_the_run
    result = group(add.s(1, 1), add.s(2, 2).set(countdown=5))()
    one, two = members(result)
    app_of_the_run().control.revoke(two.id)
    return [outcome(one), outcome(two)], [2, 'TaskRevokedError']


# -- many arguments -------------------------------------------------------

@case()
def map_runs_in_one_task():
    return get(tsum.map([[1, 2], [3, 4], []]).delay()), [3, 7, 0]


@case()
def starmap_runs_in_one_task():
    return get(add.starmap([(1, 2), (3, 4), (5, 6, 7)]).delay()), [3, 7, 18]


@case()
def empty_map():
    return get(identity.map([]).delay()), []


@case()
def map_that_fails_names_the_exception():
    return raised_type(tsum.map([[1], ['a', 1]]).delay()), 'TypeError'


@case()
def chunks_are_a_group_of_starmaps():
    return get(add.chunks(zip(range(10), range(10)), 4)()), [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18]]


@case(CHORDS)
def chunks_as_the_header_of_a_chord():
    return get(chord(add.chunks(zip(range(10), range(10)), 4).group(), xsum.s())()), 90


@case()
def map_inside_a_chain():
    return get((identity.s('unused') | tsum.map([[1, 2], [3]]) | echo_args.s())()), {'args': [[3, 3]], 'kwargs': {}}


@case(CHORDS)
def maps_inside_a_chord():
    return get(chord([tsum.map([[1, 2], [3]]), add.starmap([(1, 1)])], xsum.s())()), 8
