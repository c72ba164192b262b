"""Chords as clients send them whose backend does not count: `celery.chord_unlock` looks until the header is over."""
from celery.result import AsyncResult
from kombu.utils.uuid import uuid

from canvas_kit import STORE, case, ended, get
from conf_tasks import add, delayed_sum, fail, identity, tsum
from python_app import app_of_the_run


def unlock(header, body, more=(), **options):
    """Sends a chord that way, and answers the result of its body."""
    results = [member.apply_async() for member in header] + list(more)
    body = body.clone()
    result = body.freeze()
    kwargs = {'result': [member.as_tuple() for member in results], 'interval': 0.1, **options}
    app_of_the_run().send_task('celery.chord_unlock', (uuid(), dict(body)), kwargs)
    return result


@case(STORE)
def chord_that_nobody_counts():
    return get(unlock([add.s(n, n) for n in range(10)], identity.s())), [2 * n for n in range(10)]


@case(STORE)
def header_that_takes_longer_than_the_first_look():
    return get(unlock([delayed_sum.s([1], 1.2), add.s(1, 1)], tsum.s())), 3


@case(STORE)
def failing_member_of_a_chord_that_nobody_counts():
    return ended(unlock([add.s(1, 1), fail.s()], tsum.s())), 'ChordError'


@case(STORE)
def header_that_is_never_over():
    return ended(unlock([add.s(1, 1)], tsum.s(), [AsyncResult(uuid())], max_retries=3)), 'ChordError'
