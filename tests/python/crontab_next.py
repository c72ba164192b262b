"""For each line `<crontab>|<instant>` of the file given: when Celery's crontab is due next, or `never`."""

import sys
from datetime import datetime

from celery import Celery
from celery.schedules import crontab

app = Celery(set_as_current=False)
app.conf.timezone = "UTC"

for line in open(sys.argv[1], encoding="utf-8"):
    text, after = line.strip().split("|")
    after = datetime.fromisoformat(after)
    minute, hour, day, month, weekday = text.split(" ")
    try:
        entry = crontab(minute, hour, weekday, day, month, nowfun=lambda: after, app=app)
        print((after + entry.remaining_estimate(after)).isoformat())
    except ValueError as refused:
        if "never occurs" not in str(refused):
            raise
        print("never")
