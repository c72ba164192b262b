#!/usr/bin/env python
"""Sends signatures, each a file with its map form, and prints the ids of their results, one a line.

    python send_canvas.py chord.json …
"""
import json
import sys

import python_app

app = python_app.make()

from celery import signature  # noqa: E402

for path in sys.argv[1:]:
    with open(path, encoding='utf-8') as file:
        print(signature(json.load(file), app=app).apply_async().id)
