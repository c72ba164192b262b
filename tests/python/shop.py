"""The shop whose workers Flower's answers in `tests/fixtures/flower` were captured from.

Variables: SHOP_BROKER, SHOP_BACKEND, SHOP_RESTARTS (empty: pools do not restart).
"""
import os
import time

from celery import Celery
from celery.contrib.abortable import AbortableTask
from celery.exceptions import Reject
from kombu import Queue

app = Celery('shop', broker=os.environ['SHOP_BROKER'], backend=os.environ['SHOP_BACKEND'])
app.conf.update(
    task_send_sent_event=True,
    worker_send_task_events=True,
    task_track_started=True,
    result_extended=True,
    worker_pool_restarts=bool(os.environ.get('SHOP_RESTARTS')),
    timezone='UTC',
    task_acks_late=False,
    task_queues=[Queue(name) for name in ('celery', 'emails', 'reports')],
    task_routes={'shop.send_email': {'queue': 'emails'}, 'shop.build_report': {'queue': 'reports'}},
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    beat_schedule={
        'heartbeat-every-10s': {'task': 'shop.ping', 'schedule': 10.0},
        'nightly-report': {'task': 'shop.build_report', 'schedule': 30.0, 'args': ['nightly']},
    },
)


@app.task(name='shop.add')
def add(x, y):
    return x + y


@app.task(name='shop.tsum')
def tsum(numbers):
    return sum(numbers)


@app.task(name='shop.ping')
def ping():
    return 'pong'


@app.task(name='shop.send_email')
def send_email(to, subject='no subject'):
    return {'to': to, 'sent': True}


@app.task(name='shop.build_report')
def build_report(kind):
    return kind


@app.task(name='shop.html')
def html():
    return '<b>bold</b>'


@app.task(name='shop.sleepy')
def sleepy(seconds):
    time.sleep(seconds)
    return seconds


@app.task(name='shop.always_fails')
def always_fails(code):
    raise ValueError(f'payment gateway returned {code}')


@app.task(name='shop.flaky', bind=True, max_retries=3)
def flaky(self):
    if self.request.retries < 2:
        raise self.retry(exc=RuntimeError('not yet'), countdown=0.1)
    return self.request.retries


@app.task(name='shop.retry_forever', bind=True, max_retries=None)
def retry_forever(self, number):
    raise self.retry(exc=RuntimeError('never works'), countdown=60)


@app.task(name='shop.too_slow', soft_time_limit=2)
def too_slow():
    time.sleep(30)


@app.task(name='shop.rejects', bind=True)
def rejects(self):
    raise Reject('no thanks', requeue=False)


@app.task(name='shop.abortable', bind=True, base=AbortableTask)
def abortable(self, seconds):
    for _ in range(int(seconds * 10)):
        if self.is_aborted():
            return 'aborted'
        time.sleep(0.1)
    return 'done'
