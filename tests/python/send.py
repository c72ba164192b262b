#!/usr/bin/env python
"""Sends calls to the interop tasks by name and prints their ids, one a line.

    python send.py '{"task": "add", "args": [1, 2], "kwargs": {}, "options": {"countdown": 3}}' …
"""
import json
import os
import sys

import python_app

app = python_app.make()
prefix = os.environ.get('TASK_PREFIX', 'conf_tasks.')

for text in sys.argv[1:]:
    call = json.loads(text)
    print(app.send_task(prefix + call['task'], call.get('args'), call.get('kwargs'), **call.get('options', {})).id)
