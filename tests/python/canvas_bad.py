"""Canvases that cannot be right. Nothing hangs, and the failure stands under the id that somebody waits for.

For our workers: Celery's own leave several of these pending for ever.
"""
from unittest import mock

from celery import chain, chord, group, signature
from celery.result import AsyncResult
from kombu.utils.uuid import uuid

from canvas_kit import CHORDS, PATIENCE, STORE, book, case, ended, get, key, raised_type, untouched
from conf_tasks import (add, add_ignore_result, add_to_all_to_chord, echo_args, fail, identity, mul,
                        record, record_result, run_signature, tsum)
from python_app import app_of_the_run

#: How a failure looks that stands for "this cannot be read": the type is the worker's choice.
FAILED = 'FAILURE'


def raw(name, args=(), kwargs=None, embed=None, **headers):
    """Publishes a message with that third element of its body, as no client of Celery writes it."""
    app, task_id = app_of_the_run(), uuid()
    message = app.amqp.as_task_v2(task_id, f'conf_tasks.{name}' if '.' not in name else name, list(args), kwargs or {})
    body = {'callbacks': None, 'errbacks': None, 'chain': None, 'chord': None, **(embed or {})}
    message = message._replace(body=(list(args), kwargs or {}, body), headers={**message.headers, **headers})
    with app.producer_or_acquire() as producer:
        app.amqp.send_task_message(producer, message.headers['task'], message)
    return AsyncResult(task_id)


def end(result):
    """The state in which a result ends."""
    ended(result)
    return result.state


def all_end(results):
    return [end(result) for result in results], [FAILED] * len(results)


# -- messages -------------------------------------------------------------

BROKEN = [{}, {'args': [1]}, 5, 'text', None, [], {'task': 5}, {'task': 'conf_tasks.add', 'args': 7},
          {'task': 'conf_tasks.add', 'options': []}, {'task': 'conf_tasks.add', 'kwargs': [1]}]


@case()
def links_that_are_no_signatures():
    return all_end([raw('add', [1, 1], embed={'callbacks': [broken]}) for broken in BROKEN])


@case()
def steps_that_are_no_signatures():
    return all_end([raw('add', [1, 1], embed={'chain': [broken]}) for broken in BROKEN])


@case()
def errbacks_that_are_no_signatures():
    # Either the body is refused as a whole, or the failure of the task itself stands.
    return all_end([raw('fail', ['why'], embed={'errbacks': [broken]}) for broken in BROKEN])


@case()
def bodies_that_are_no_signatures():
    results = [raw('add', [1, 1], embed={'chord': broken}, group=uuid(), group_index=0) for broken in BROKEN if broken]
    return [result.get(timeout=PATIENCE, propagate=False) is not None for result in results], [True] * len(results)


@case()
def parts_that_are_no_lists():
    results = [raw('add', [1, 1], embed={part: value}) for part in ('callbacks', 'chain') for value in (5, 'text', {})]
    return [result.get(timeout=PATIENCE, propagate=False) is not None for result in results], [True] * len(results)


def linked(depth, name):
    link = record.si('deepest', name)
    for _ in range(depth):
        link = identity.si(0).set(link=[link])
    return add.apply_async((1, 1), link=link)


@case()
def links_thirty_deep():
    name = key()
    return [get(linked(30, name)), book(name, ['deepest'])], [2, ['deepest']]


@case()
def links_deeper_than_messages_are_read():
    name = key()
    return [end(linked(200, name)), untouched(name)], [FAILED, []]


# -- the built-in tasks ---------------------------------------------------

@case()
def built_in_tasks_refuse_what_they_cannot_run():
    one = dict(add.s(1, 1))
    return all_end([
        raw('celery.chain', kwargs={'tasks': [5]}), raw('celery.chain'), raw('celery.group', kwargs={'tasks': [{}]}),
        raw('celery.group'), raw('celery.chord', kwargs={'header': [one], 'body': 5}),
        raw('celery.chord', kwargs={'header': [{}], 'body': one}), raw('celery.map', kwargs={'task': one}),
        raw('celery.map', kwargs={'task': {}, 'it': [1]}), raw('celery.starmap', kwargs={'task': one, 'it': [1, 2]}),
        raw('celery.starmap', kwargs={'task': one, 'it': 5}),
        raw('celery.chunks', kwargs={'task': one, 'it': [[1, 1]]}),
    ])


@case()
def map_of_an_unknown_task():
    unknown = {'task': 'conf_tasks.no_such_task', 'args': [], 'kwargs': {}, 'options': {}}
    return all_end([raw('celery.map', kwargs={'task': unknown, 'it': [1]})])


@case()
def signatures_that_cannot_be_sent():
    return all_end([run_signature.delay(broken) for broken in
                    [{}, 5, None, {'task': 'celery.chain', 'subtask_type': 'chain'},
                     {'task': 'celery.chain', 'subtask_type': 'chain', 'kwargs': {'tasks': [{}]}},
                     {'task': 'celery.chord', 'subtask_type': 'chord', 'kwargs': {'header': [5], 'body': {}}}]])


# -- canvases -------------------------------------------------------------

def unknown():
    return signature('conf_tasks.no_such_task', args=())


@case(STORE)
def unknown_step_fails_all_later_ones():
    name = key()
    result = chain(add.s(1, 1), unknown(), mul.s(2), record_result.s('no', name))()
    steps = [result, result.parent, result.parent.parent]
    return [[type(step.get(timeout=PATIENCE, propagate=False)).__name__ for step in steps], untouched(name)], \
        [['NotRegistered'] * 3, []]


@case(CHORDS)
def unknown_body_of_a_chord():
    return ended(chord([add.s(1, 1), add.s(2, 2)], unknown())()), 'NotRegistered'


@case(CHORDS)
def every_member_of_a_chord_is_unknown():
    result = chord([unknown(), unknown()], tsum.s())()
    error = result.get(timeout=PATIENCE, propagate=False)
    return [type(error).__name__, any(member.id in str(error) for member in result.parent.results)], \
        ['ChordError', True]


@case(CHORDS)
def member_with_wrong_arguments_fails_the_chord():
    # Without this the client refuses to send it.
    with mock.patch.object(add, 'typing', False):
        result = chord([add.s(1), add.s(2, 2)], tsum.s())()
    member = result.parent.results[0]
    return [ended(result), ended(member), member.id in str(result.result)], ['ChordError', 'TypeError', True]


@case(CHORDS)
def revoked_and_expired_members_fail_the_chord():
    return ended(chord([add.s(1, 1).set(expires=-1), add.s(2, 2)], tsum.s())()), 'ChordError'


@case(CHORDS)
def all_members_ignore_their_results():
    return get(chord([add_ignore_result.s(n, n) for n in range(5)], tsum.s())()), 20


@case()
def adding_to_a_chord_outside_of_one_fails():
    return end(add_to_all_to_chord.delay([1], 1)), FAILED


@case(limit=200)
def chain_a_thousand_deep():
    return chain(add.s(0, 1), *[add.s(1) for _ in range(999)])().get(timeout=190, interval=0.05), 1000


@case(limit=120)
def chain_nested_a_hundred_deep():
    canvas = add.s(0, 1)
    for _ in range(100):
        canvas = chain(canvas, add.s(1))
    return get(canvas()), 101


def nested_chords(depth):
    canvas = add.s(1, 1)
    for _ in range(depth):
        canvas = chord([canvas, add.s(1, 0)], tsum.s())
    return canvas


@case(CHORDS, limit=120)
def chords_nested_nine_deep():
    return get(nested_chords(9)()), 11


@case(CHORDS, limit=120)
def chords_nested_twenty_deep():
    # Sent by the worker: a client of Celery holds a connection for each level while it sends, and with more levels
    # than `broker_pool_limit` (10) waits for ever for itself.
    return get(AsyncResult(get(run_signature.delay(nested_chords(20))))), 22


@case(CHORDS, limit=120)
def failure_in_chords_nested_ten_deep():
    canvas = fail.s()
    for _ in range(10):
        canvas = chord([canvas, add.s(1, 0)], tsum.s())
    return ended(canvas()), 'ChordError'


@case(STORE, limit=200)
def task_sends_a_group_of_five_thousand():
    name = key()
    get(run_signature.delay(group(record.si(f'{n}', name) for n in range(5000))))
    return len(book(name, [f'{n}' for n in range(5000)], ordered=False)), 5000


@case(CHORDS)
def body_that_takes_no_list():
    return raised_type(chord([echo_args.s(), echo_args.s()], tsum.s())()), 'TypeError'
