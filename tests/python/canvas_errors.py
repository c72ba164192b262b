"""Failures inside canvases, and who is told: errbacks of both styles."""
from celery import chain, chord, group

from canvas_kit import (CHORDS, SOUND, STORE, book, case, ended, entries, eventually, get, key, outcome, raised,
                        raised_type, untouched)
from conf_tasks import (add, errback_key, errback_new_style, errback_old_style, fail, identity, mul, raise_error,
                        record, record_result, retry_exhaust, tsum)

FAILED = ['ExpectedException', 'Task expected to fail']


@case()
def failing_step_ends_the_chain():
    name = key()
    result = (add.s(1, 1) | fail.s() | record.si('no', name))()
    return [raised(result.parent), untouched(name)], [FAILED, []]


@case(STORE)
def waiting_for_the_end_of_a_failed_chain_raises():
    result = (add.s(1, 1) | fail.s() | add.s(1) | add.s(2))()
    return [raised(result), raised(result.parent), raised(result.parent.parent), get(result.parent.parent.parent)], \
        [FAILED, FAILED, FAILED, 2]


@case()
def first_step_fails():
    return raised((raise_error.s() | add.s(1))().parent), ['ValueError', 'deliberate error']


@case()
def step_with_too_many_arguments_fails():
    return raised_type((add.s(1, 1) | add.s(1, 1, 1, 1))()), 'TypeError'


@case(STORE)
def unknown_step_in_the_middle_of_a_chain():
    from python_app import app_of_the_run
    unknown = app_of_the_run().signature('conf_tasks.no_such_task', ())
    result = chain(add.s(1, 1), unknown, add.s(1))()
    return [get(result.parent.parent), raised_type(result.parent)], [2, 'NotRegistered']


# -- errbacks -------------------------------------------------------------

@case()
def old_errback_gets_the_id_of_the_failed_task():
    name = key()
    result = fail.apply_async(link_error=errback_key.s(key=name))
    return [raised(result), book(name, [result.id])], [FAILED, [result.id]]


@case()
def old_errback_of_one_argument_is_counted_once():
    result = fail.apply_async(link_error=errback_old_style.s())
    return [raised(result), book(result.id, 1)], [FAILED, 1]


@case()
def new_errback_gets_request_exception_and_traceback():
    result = fail.apply_async(('why',), link_error=errback_new_style.s())
    texts = f'{result.id}:exc'
    got = [raised(result), book(result.id, 1), eventually(lambda: len(entries(texts)), 1)]
    return got + [all(part in entries(texts)[0] for part in FAILED)], [FAILED, 1, 1, True]


@case()
def several_errbacks_are_all_called():
    one, two = key(), key()
    result = fail.apply_async(link_error=[errback_key.s(key=one), errback_key.s(key=two), errback_new_style.s()])
    got = [raised(result), book(one, [result.id]), book(two, [result.id]), book(result.id, 1)]
    return got, [FAILED, [result.id], [result.id], 1]


@case()
def immutable_errback_gets_nothing():
    name = key()
    result = fail.apply_async(link_error=record.si('told', name))
    return [raised(result), book(name, ['told'])], [FAILED, ['told']]


@case()
def errback_of_a_task_that_succeeds_is_not_called():
    name = key()
    result = add.apply_async((1, 1), link_error=errback_key.s(key=name))
    return [get(result), untouched(name)], [2, []]


@case()
def errback_of_an_exhausted_task_is_called_once():
    name = key()
    result = retry_exhaust.apply_async(link_error=errback_key.s(key=name))
    return [raised_type(result), book(name, [result.id])], ['MaxRetriesExceededError', [result.id]]


@case()
def errback_of_a_chain_is_told_of_the_step_that_failed():
    name = key()
    result = (add.s(1, 1) | fail.s() | add.s(1)).apply_async(link_error=errback_key.s(key=name))
    failed = result.parent
    return [raised(failed), book(name, [failed.id])], [FAILED, [failed.id]]


@case()
def on_error_of_a_chain():
    name = key()
    result = chain(fail.s(), add.s(1)).on_error(errback_key.s(key=name)).delay()
    first = result.parent
    return [raised(first), book(name, [first.id])], [FAILED, [first.id]]


@case()
def a_chain_as_errback():
    name = key()
    errback = record.si('one', name) | record.si('two', name)
    result = fail.apply_async(link_error=errback)
    return [raised(result), book(name, ['one', 'two'])], [FAILED, ['one', 'two']]


@case()
def errback_of_a_group_is_told_of_every_failed_member():
    name = key()
    canvas = group(fail.s(1), add.s(1, 1), fail.s(2))
    canvas.link_error(errback_key.s(key=name))
    one, _, two = result = canvas().results
    [outcome(member) for member in result]
    return book(name, [one.id, two.id], ordered=False), sorted([one.id, two.id])


# -- chords ---------------------------------------------------------------

@case(CHORDS)
def failed_member_fails_the_chord():
    name = key()
    result = chord([add.s(1, 1), fail.s('why')], record_result.s('body', name))()
    raises, holds = raised_type(result), get(result, propagate=False)
    named = result.parent.results[1].id in str(holds)
    return [raises, type(holds).__name__, named, untouched(name)], ['ExpectedException', 'ChordError', True, []]


@case(CHORDS)
def every_member_fails():
    return ended(chord([fail.s(n) for n in range(5)], tsum.s())()), 'ChordError'


@case(CHORDS, SOUND)
def unknown_member_fails_the_chord():
    from python_app import app_of_the_run
    unknown = app_of_the_run().signature('conf_tasks.no_such_task', ())
    return ended(chord([add.s(1, 1), unknown], tsum.s())()), 'ChordError'


@case(CHORDS)
def errback_of_a_failed_chord_is_called_once():
    name = key()
    canvas = chord([add.s(1, 1), fail.s('why'), fail.s('too')], tsum.s())
    canvas.link_error(errback_key.s(key=name))
    result = canvas()
    return [ended(result), book(name, [result.id])], ['ChordError', [result.id]]


@case(CHORDS)
def new_errback_of_a_failed_chord():
    body = tsum.s()
    body.link_error(errback_new_style.s())
    result = chord([add.s(1, 1), fail.s('why')], body)()
    return [ended(result), book(result.id, 1)], ['ChordError', 1]


@case(CHORDS)
def errback_of_a_body_that_fails():
    name = key()
    canvas = chord([add.s(1, 1), add.s(2, 2)], fail.s())
    canvas.link_error(errback_key.s(key=name))
    result = canvas()
    return [raised(result), book(name, [result.id])], [FAILED, [result.id]]


@case(CHORDS)
def immutable_errback_of_a_chord():
    name = key()
    result = chord([fail.s(), add.s(1, 1)], tsum.s().on_error(record.si('told', name)))()
    return [ended(result), book(name, ['told'])], ['ChordError', ['told']]


@case(CHORDS)
def failed_chord_ends_the_chain_that_it_is_in():
    name = key()
    canvas = group(add.s(1, 1), fail.s()) | tsum.s() | mul.s(2) | record_result.s('end', name)
    result = canvas()
    # Its parent is the header, whose exception is raised first.
    return [raised_type(result), untouched(name)], ['ExpectedException', []]


@case(CHORDS, SOUND)
def failed_chord_in_the_header_of_a_chord():
    name = key()
    inner = chord([fail.s(), add.s(1, 1)], tsum.s())
    result = chord([inner, add.s(1, 1)], record_result.s('body', name))()
    return [ended(result), untouched(name)], ['ChordError', []]


@case(CHORDS)
def failed_chain_in_the_header_of_a_chord():
    name = key()
    result = chord([add.s(1, 1) | fail.s() | add.s(1), identity.s(1)], record_result.s('body', name))()
    return [ended(result), untouched(name)], ['ChordError', []]


@case(CHORDS)
def exhausted_member_fails_the_chord():
    return ended(chord([retry_exhaust.s(), add.s(1, 1)], tsum.s())()), 'ChordError'


@case(CHORDS)
def expired_member_of_a_chord_does_not_start_its_body():
    name = key()
    result = chord([add.s(1, 1).set(expires=-1), add.s(2, 2)], record_result.s('body', name))()
    return [raised_type(result.parent.results[0]), untouched(name)], ['TaskRevokedError', []]
