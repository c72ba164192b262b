"""Celery's own event receiver: prints each event as a line of JSON, with what `app.events.State` makes of it.

Prints `listening` when it is subscribed. Ends when it is told to.
"""
import json

import python_app

app = python_app.make('monitor')
state = app.events.State()


class Receiver(app.events.Receiver):
    def on_consume_ready(self, *args, **kwargs):
        super().on_consume_ready(*args, **kwargs)
        print('listening', flush=True)


def on_event(event):
    state.event(dict(event))
    task = state.tasks.get(event.get('uuid'))
    worker = state.workers.get(event['hostname'])
    event.pop('local_received', None)
    print(json.dumps({
        'event': event,
        'task': None if task is None else {
            'name': task.name, 'state': task.state, 'args': task.args, 'result': task.result,
            'exception': task.exception, 'worker': task.worker and task.worker.hostname,
            'runtime': task.runtime, 'retries': task.retries,
        },
        'alive': worker is not None and worker.alive,
    }), flush=True)


with app.connection_for_read() as connection:
    Receiver(connection, handlers={'*': on_event}).capture(limit=None, timeout=None, wakeup=True)
