#!/usr/bin/env python
"""A Celery worker with the interop tasks, started as the Rust interop worker is.

Further variables: QUEUES, CONCURRENCY, HOSTNAME, LOGLEVEL, POOL (threads unless given).
"""
import os

import python_app

app = python_app.make()

import conf_tasks  # noqa: E402,F401

if __name__ == '__main__':
    arguments = ['worker', '--hostname', os.environ['HOSTNAME'], '--concurrency', os.environ['CONCURRENCY'],
                 '--pool', os.environ.get('POOL', 'threads'), '--loglevel', os.environ['LOGLEVEL'],
                 '--without-gossip', '--without-mingle']
    if os.environ.get('QUEUES'):
        arguments += ['--queues', os.environ['QUEUES']]
    app.worker_main(arguments)
