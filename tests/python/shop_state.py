"""Brings the shop into the state that Flower's answers were captured in; prints the ids, by role, as JSON.

The role is the argument: what is sent differs from step to step of the test.
"""
import json
import sys

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
        shop.add.delay(number, number).get(timeout=60)
        shop.send_email.delay('a@example.com', subject='hello').get(timeout=60)
    failed = shop.always_fails.delay(500)
    ended(failed)
    ids['failure'] = failed.id
    ended(shop.always_fails.delay(501))
    # Two workers on `celery`: a chain of an add and a sum.
    summed = (shop.add.s(3, 3) | shop.add.s(0)).delay()
    ended(summed)
    header = [shop.add.s(number, number) for number in range(4)]
    done = chord(header)(shop.tsum.s())
    ended(done)
    ids['success'] = done.id
    shop.send_email.apply_async(('soon@example.com',), countdown=600)
    received = shop.send_email.apply_async(('later@example.com',), countdown=600)
    ids['received'] = received.id
    expired = shop.add.apply_async((1, 1), countdown=1, expires=0.001)
    ids['expired'] = expired.id
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
