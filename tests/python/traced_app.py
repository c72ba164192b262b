#!/usr/bin/env python
"""The Python side of `traced-app`, with OpenTelemetry's own instrumentation of Celery.

    python traced_app.py worker     consumes `py`
    python traced_app.py chain      starts one workflow in a span `client`, and prints the id of its trace
    python traced_app.py chord      likewise
"""
import os
import sys

from celery import chain, chord
from opentelemetry import baggage, context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import python_app

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
CeleryInstrumentor().instrument()

app = python_app.make('traced')
app.conf.task_routes = {'traced.rs_*': {'queue': 'rs'}, 'traced.py_*': {'queue': 'py'}}


@app.task(name='traced.py_add')
def py_add(x, y):
    return x + y


@app.task(name='traced.py_baggage')
def py_baggage(_):
    return baggage.get_baggage('tenant')


@app.task(name='traced.py_call')
def py_call(x):
    return rs_call.delay(x).id


@app.task(name='traced.rs_add')
def rs_add(x, y):
    raise NotImplementedError


@app.task(name='traced.rs_call')
def rs_call(x):
    raise NotImplementedError


@app.task(name='traced.rs_retry')
def rs_retry(x):
    raise NotImplementedError


@app.task(name='traced.rs_sum')
def rs_sum(numbers):
    raise NotImplementedError


def start(workflow):
    token = context.attach(baggage.set_baggage('tenant', 'acme'))
    with trace.get_tracer('client').start_as_current_span('client') as span:
        if workflow == 'chain':
            chain(rs_add.s(1, 2), py_add.s(3), rs_retry.s(), py_baggage.s()).delay()
        else:
            chord([rs_add.s(1, 1), py_add.s(2, 2)], rs_sum.s()).delay()
        print(trace.format_trace_id(span.get_span_context().trace_id))
    context.detach(token)


if __name__ == '__main__':
    if sys.argv[1] == 'worker':
        app.worker_main(['worker', '--hostname', 'py@traced', '--concurrency', '2', '--pool', 'threads',
                         '--loglevel', 'INFO', '--without-gossip', '--without-mingle', '--queues', 'py'])
    else:
        start(sys.argv[1])
        provider.shutdown()
