"""The tasks of the comparison for Celery: those of `worker.rs`.

BROKER_URL, ACCOUNT_URL, CONF (a JSON object of settings).
"""
import json
import os
import signal
import time

import redis
from celery import Celery

app = Celery('compare', broker=os.environ['BROKER_URL'])
app.conf.update(broker_connection_retry_on_startup=True)
app.conf.update(json.loads(os.environ['CONF']))


def account():
    return redis.Redis.from_url(os.environ['ACCOUNT_URL'])


@app.task(name='compare.run')
def run(id, seconds):
    account().rpush('starts', id)
    time.sleep(seconds)
    account().rpush('ends', id)


@app.task(name='compare.kill')
def kill(id):
    account().rpush('starts', id)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(30)
