"""The app that Flower is started with: it only has to know the names of the Rust worker's tasks."""

import os

from celery import Celery

app = Celery("flower_app", broker=os.environ["BROKER_URL"], backend=os.environ["BROKER_URL"])


@app.task(name="pool.pid")
def pid():
    raise NotImplementedError


@app.task(name="pool.sleep")
def sleep(seconds):
    raise NotImplementedError
