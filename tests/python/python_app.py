"""The Celery application of the tests, configured by the same variables as the interop worker.

BROKER_URL, RESULT_BACKEND, CONF (a JSON object of settings), TASK_PREFIX.
"""
import json
import os

from celery import Celery, current_app


def make(name='tests'):
    app = Celery(name, broker=os.environ['BROKER_URL'], backend=os.environ.get('RESULT_BACKEND') or None,
                 set_as_current=True)
    app.conf.update(
        accept_content=['json', 'msgpack', 'yaml'],
        result_accept_content=['json', 'msgpack', 'yaml'],
        broker_connection_retry_on_startup=True,
        task_default_queue='celery',
    )
    app.conf.update(json.loads(os.environ.get('CONF') or '{}'))
    return app


def app_of_the_run():
    """The application that `make` has made."""
    return current_app._get_current_object()
