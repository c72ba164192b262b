"""Who started whom: root, parent, children, graphs, and signatures as values."""
from celery import chain, chord, group, signature
from celery.result import AsyncResult, result_from_tuple
from kombu.utils.json import dumps, loads

import conf_tasks
from canvas_kit import CHORDS, STORE, book, case, eventually, get, key, members, raised_type
from conf_tasks import (add, build_chain_inside_task, chain_add, collect_ids, identity, ids, mul, rebuild_signature,
                        request_info, return_priority, run_signature, spawn, tsum)


@case()
def a_single_task_is_its_own_root():
    result = ids.delay(1)
    return get(result), [result.id, None, 1]


@case()
def steps_of_a_chain_have_one_root_and_the_step_before_as_parent():
    last = (ids.si(1) | collect_ids.s(2) | collect_ids.s(3))()
    middle = last.parent
    first = middle.parent
    expected = [[[first.id, None, 1], [first.id, first.id, 2]], [first.id, middle.id, 3]]
    return get(last), expected


@case(CHORDS)
def members_of_a_group_in_a_chain_have_the_step_before_as_parent():
    result = (identity.si(0) | group(ids.si(1), ids.si(2)))()
    first = result.parent
    return get(result), [[first.id, first.id, 1], [first.id, first.id, 2]]


@case(CHORDS)
def body_of_a_chord_has_a_member_as_parent():
    result = (identity.si(0) | group(ids.si(1), ids.si(2)) | collect_ids.s(3))()
    header = result.parent
    first = header.parent
    got, (root, parent, mark) = get(result)
    known = {member.id for member in members(header)}
    return [got, root, parent in known, mark], \
        [[[first.id, first.id, 1], [first.id, first.id, 2]], first.id, True, 3]


@case(CHORDS)
def steps_after_a_chord_keep_the_root():
    result = (identity.si(0) | group(ids.si(1), ids.si(2)) | collect_ids.s(3) | collect_ids.s(4))()
    body = result.parent
    first = body.parent.parent
    _, (root, parent, mark) = get(result)
    return [root, parent, mark], [first.id, body.id, 4]


@case(STORE)
def tasks_started_by_a_task_are_its_children():
    name = key()
    result = spawn.delay(3, name)
    started = get(result)
    book(name, ['0', '1', '2'], ordered=False)
    return [child.id for child in result.children], started


def all_over(*results):
    """A Python worker stores a result after it has sent the next step, so the next may be over first."""
    for result in results:
        get(result)


@case(STORE)
def next_step_is_a_child_of_the_step_before():
    last = (add.s(1, 1) | add.s(2) | add.s(3))()
    first = last.parent.parent
    all_over(first, last.parent, last)
    return [[c.id for c in first.children], [c.id for c in last.parent.children], last.children or []], \
        [[last.parent.id], [last.id], []]


@case(CHORDS, STORE)
def result_of_a_chain_that_a_task_started():
    started = result_from_tuple(get(build_chain_inside_task.delay()))
    return get(started), 4 + 3 + 4 + 4


@case(STORE)
def collect_walks_through_all_children():
    result = chain_add.delay(1, 2)
    get(result)
    wait = eventually(lambda: [value for _, value in result.collect(timeout=20)], [None, 2, 4])
    return wait, [None, 2, 4]


@case(STORE)
def graph_of_a_chain():
    last = (add.s(1, 1) | add.s(2) | add.s(3))()
    first = last.parent.parent
    all_over(first, last.parent, last)
    graph = first.build_graph()
    edges = {node.id: [neighbour.id for neighbour in neighbours] for node, neighbours in graph.items()}
    return edges, {first.id: [last.parent.id], last.parent.id: [last.id], last.id: []}


@case(STORE)
def result_as_a_tuple_comes_back():
    last = (add.s(1, 1) | add.s(2))()
    again = result_from_tuple(loads(dumps(last.as_tuple())))
    return [get(again), get(again.parent), isinstance(again, AsyncResult)], [4, 2, True]


@case()
def priority_of_a_step():
    canvas = add.s(1, 1) | return_priority.s().set(priority=3)
    return get(canvas()), 'Priority: 3'


@case()
def queue_of_a_step():
    canvas = add.s(1, 1) | request_info.s().set(queue='celery')
    return get(canvas())['delivery_info']['routing_key'], 'celery'


@case()
def headers_of_a_step():
    canvas = add.s(1, 1) | request_info.s().set(headers={'tenant': 'a'})
    return get(canvas())['headers']['tenant'], 'a'


# -- signatures as values -------------------------------------------------

KINDS = ['chain', 'group', 'chord']


@case()
def signatures_are_returned_as_celery_writes_them():
    got, expected = {}, {}
    for outer in KINDS:
        for inner in KINDS:
            name = f'return_nested_signature_{outer}_{inner}'
            task = getattr(conf_tasks, name)
            got[name] = shape(get(task.delay()))
            expected[name] = shape(loads(dumps(task())))
    return [(name, got[name]) for name in got if got[name] != expected[name]], []


def shape(value):
    """A signature without what differs from one instance to the next."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items() if k not in ('task_id', 'reply_to')}
    return [shape(item) for item in value] if isinstance(value, list) else value


@case()
def returned_signatures_can_be_rebuilt():
    wrong = []
    for outer in KINDS:
        for inner in KINDS:
            written = get(getattr(conf_tasks, f'return_nested_signature_{outer}_{inner}').delay())
            if get(rebuild_signature.delay(written)) is not None:
                wrong.append((outer, inner))
    return wrong, []


@case()
def what_is_no_signature_is_refused():
    broken = {'task': 'celery.group', 'args': [], 'kwargs': {'tasks': [1]}, 'options': {}, 'subtask_type': 'group'}
    return raised_type(rebuild_signature.delay(broken)), 'TypeError'


@case(STORE)
def task_sends_a_signature_that_it_was_given():
    sent = get(run_signature.delay(add.s(1, 2)))
    return get(AsyncResult(sent)), 3


@case(STORE)
def task_sends_a_chain_that_it_was_given():
    sent = get(run_signature.delay(chain(add.s(1, 2), mul.s(4))))
    return get(AsyncResult(sent)), 12


@case(CHORDS, STORE)
def task_sends_a_chord_that_it_was_given():
    sent = get(run_signature.delay(chord([add.s(1, 2), add.s(3, 4)], tsum.s())))
    return get(AsyncResult(sent)), 10


@case(STORE)
def result_of_a_sent_group_names_its_members():
    result = run_signature.delay(group(identity.s(1), identity.s(2)))
    get(result)
    child = eventually(lambda: len((result.children or [None])[0].results), 2) and result.children[0]
    return [get(member) for member in child.results], [1, 2]


@case()
def signature_survives_its_map_form():
    canvas = add.s(1, 1) | group(add.s(1), mul.s(4))
    return get(signature(loads(dumps(canvas)))()), [3, 8]
