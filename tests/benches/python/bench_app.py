"""The tasks of the benchmark, as Celery runs them."""

import os

from celery import Celery

app = Celery(
    "bench",
    broker=os.environ["BENCH_BROKER_URL"],
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bench.noop")
def noop():
    """Nothing: what is measured is all around it."""
