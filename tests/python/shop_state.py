"""Brings the shop into the state that Flower's answers were captured in; prints the ids, by role, as JSON.

The role is the argument: what is sent differs from step to step of the test.
"""
import json
import sys
from datetime import datetime, timezone

from celery import chain, chord

import shop


def ended(result):
    try:
        result.get(timeout=60, propagate=False)
    except Exception:  # noqa: BLE001 the end is what counts
        pass


def first():
    ids = {}
    for number in range(6):
        ended(shop.add.delay(number, number))
        ended(shop.send_email.delay('a@example.com', subject='hello'))
    for number in range(2):
        ended(shop.add.apply_async((number, number), queue='emails'))
    for task in (shop.html.s(), shop.ping.s(), shop.build_report.s('daily'), shop.sleepy.s(0.1), shop.flaky.s(),
                 shop.too_slow.s().set(queue='emails')):
        ended(task.delay())
    ids['unknown'] = shop.app.send_task('shop.unknown_task', (1,)).id
    ended(shop.always_fails.delay(501))
    failed = shop.always_fails.delay(500)
    ended(failed)
    ids['failure'] = failed.id
    # A sum that an addition asked for.
    done = chord([shop.add.s(number, number) for number in range(4)])(shop.tsum.s())
    ended(done)
    ids['success'] = done.id
    expired = shop.add.apply_async((1, 1), countdown=1, expires=datetime.now(timezone.utc))
    ids['expired'] = expired.id
    shop.send_email.apply_async(('soon@example.com',), countdown=600)
    received = shop.send_email.apply_async(('later@example.com',), countdown=600)
    ids['received'] = received.id
    return ids


def later():
    ids = {}
    rejected = shop.rejects.apply_async(queue='emails')
    ids['rejected'] = rejected.id
    retried = shop.retry_forever.apply_async((1,), queue='emails')
    ids['retry'] = retried.id
    slow = shop.too_slow.apply_async(queue='emails')
    ended(slow)
    ids['slow'] = slow.id
    header = [shop.add.s(number, number) for number in range(3)]
    body = chord(header)(shop.tsum.s())
    ended(body)
    ids['chord_body'] = body.id
    ids['chord_member'] = body.parent.results[0].id
    last = chain(shop.add.s(1, 2), shop.add.s(3), shop.add.s(4))()
    ended(last)
    ids['chain_last'] = last.id
    ids['chain_first'] = last.parent.parent.id
    unknown = shop.app.send_task('shop.unknown_task', (1,))
    ids['unregistered'] = unknown.id
    return ids


def sleeper():
    return {'started': shop.sleepy.apply_async((40,), queue='emails').id}


print(json.dumps({'first': first, 'later': later, 'sleeper': sleeper}[sys.argv[1]]()))
