"""Sends control commands by Celery's own client and prints each worker's answers as a line of JSON.

    python control_calls.py '{"method": "ping", "arguments": {}, "destination": null}' …
"""
import json
import sys

import python_app

app = python_app.make('controller')

for text in sys.argv[1:]:
    call = json.loads(text)
    replies = app.control.broadcast(
        call['method'], arguments=call.get('arguments'), destination=call.get('destination'),
        pattern=call.get('pattern'), matcher=call.get('matcher'), reply=True, timeout=call.get('timeout', 3.0),
        limit=call.get('limit', 1))
    print(json.dumps(replies), flush=True)
