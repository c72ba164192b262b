#!/usr/bin/env python
"""Celery's beat with the schedule in CONF, whose entries are written as the Rust interop worker reads them.

Further variables: SCHEDULE_FILE, LOGLEVEL.
"""
import os

import python_app
from celery.schedules import crontab, schedule

app = python_app.make()


def read(of):
    if 'every' in of:
        return schedule(of['every'])
    return crontab(**of['crontab'])


app.conf.beat_schedule = {
    name: {**entry, 'schedule': read(entry['schedule'])} for name, entry in app.conf.beat_schedule.items()
}

if __name__ == '__main__':
    app.Beat(schedule=os.environ['SCHEDULE_FILE'], loglevel=os.environ['LOGLEVEL']).run()
