"""Saves entries as redbeat does: an interval, a crontab, and one kind that taskq has not. Argument: the broker's URL."""

import sys
from datetime import datetime, timezone

from celery import Celery
from celery.schedules import crontab, schedule
from redbeat import RedBeatSchedulerEntry
from redbeat.schedules import rrule

app = Celery('redbeat', broker=sys.argv[1], set_as_current=False)
app.conf.redbeat_redis_url = sys.argv[1]

for name, when in [
    ('often', schedule(1.0)),
    ('nightly', crontab(minute='30', hour='2')),
    ('yearly', rrule('YEARLY', dtstart=datetime(2030, 1, 1, tzinfo=timezone.utc))),
]:
    RedBeatSchedulerEntry(name, 'conf_tasks.record', when, args=[name, 'beat'], kwargs={},
                          options={'queue': 'periodic'}, app=app).save()
