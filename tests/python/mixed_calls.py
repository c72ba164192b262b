#!/usr/bin/env python
"""Calls of every kind to a worker in another language, each result compared with Python's own.

    BROKER_URL=… RESULT_BACKEND=… ACCOUNT_URL=… python mixed_calls.py 10000 [seed]

Every call is drawn from the kinds below with a fixed seed, so a failure can be run again. What a call must
give is computed by running the same function of `conf_tasks` here, or follows from Celery's rules (retries,
expiry). Every single result is read back with `AsyncResult.get()`. The last line counts calls and equal ones;
the exit status is 1 if they differ, and the first differences are printed.
"""
import collections
import datetime as dt
import decimal
import json
import math
import random
import sys
import time
import uuid

from celery.exceptions import MaxRetriesExceededError, TaskRevokedError
from kombu.utils.json import dumps, loads

import python_app

app = python_app.make()

import conf_tasks  # noqa: E402

#: How long one result may take, seconds. The whole run is limited by the caller.
PATIENCE = 60
#: Differences that are printed in full.
SHOWN = 20

Call = collections.namedtuple('Call', 'kind task args kwargs options expected')


class Raises:
    """Expects an exception of this type, with these arguments if they are given."""

    def __init__(self, kind, *args):
        self.kind, self.args = kind, args

    def __repr__(self):
        return f'an exception {self.kind}{self.args or ""}'

    def fits(self, got):
        return type(got).__name__ == self.kind and (not self.args or same(list(got.args), list(self.args)))


def same(one, other):
    """Equality that knows NaN, and tells 1 from 1.0 and from True."""
    if isinstance(one, Raises):
        return one.fits(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return one == other


def through_json(value):
    """What a value is after the result backend: tuples are lists, and so on."""
    return loads(dumps(value))


# -- values ---------------------------------------------------------------

TEXTS = ['', 'plain', '你好 🦀', 'e\u0301 \u202e "\\\n\t\x00', '\U0010ffff', 'ß' * 300, "it's", '\u2028\u2029',
         '</script>', '\x7f\x80']


def scalar(r):
    return r.choice([
        lambda: None, lambda: r.random() < 0.5, lambda: r.randint(-10, 10), lambda: r.randint(-2**63, 2**63 - 1),
        lambda: r.randint(2**63, 2**64 - 1), lambda: r.randint(2**64, 2**90), lambda: r.uniform(-1e9, 1e9),
        lambda: r.choice([0.0, -0.0, 1e-320, 1.7e308, 0.1, 1e22, 123456789.123456789]), lambda: r.choice(TEXTS),
    ])()


def nested(r, depth=4):
    kind = r.random()
    if depth == 0 or kind < 0.4:
        return scalar(r)
    if kind < 0.7:
        return [nested(r, depth - 1) for _ in range(r.randint(0, 4))]
    return {f'{r.choice(TEXTS)}{i}': nested(r, depth - 1) for i in range(r.randint(0, 4))}


def typed(r):
    offset = dt.timezone(dt.timedelta(minutes=r.choice([0, 330, -210, 60])))
    moment = dt.datetime(r.randint(1, 9999), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59),
                         r.randint(0, 59), r.choice([0, 7, 120000, 999999]))
    return r.choice([
        moment, moment.replace(tzinfo=offset), moment.replace(tzinfo=dt.timezone.utc), moment.date(), moment.time(),
        uuid.UUID(int=r.getrandbits(128)), decimal.Decimal(r.randint(-10**9, 10**9)).scaleb(-r.randint(0, 6)),
        r.randbytes(r.randint(0, 40)), b'abc', float('nan'), float('inf'), float('-inf'),
    ])


# -- kinds of calls -------------------------------------------------------
# Each gives (task name, args, kwargs, options, expected). An expected value `None` is None.

def run(name, args, kwargs):
    return through_json(getattr(conf_tasks, name).run(*args, **kwargs))


def pure(name, *args, **kwargs):
    return name, list(args), kwargs, {}, run(name, args, kwargs)


def with_options(call, **options):
    name, args, kwargs, _, expected = call
    return name, args, kwargs, options, expected


def positional(r):
    return r.choice([
        lambda: pure('add', r.randint(-10**9, 10**9), r.randint(-10**9, 10**9)),
        lambda: pure('add', r.uniform(-1e6, 1e6), r.randint(-99, 99)),
        lambda: pure('add', 1, 2, 3),
        lambda: pure('mul', r.randint(-10**6, 10**6), r.randint(-10**6, 10**6)),
        lambda: pure('tsum', [r.randint(0, 100) for _ in range(r.randint(0, 50))]),
        lambda: pure('xsum', [1, [2, 3], [], 4]),
        lambda: pure('noop', 1, 'two'),
        lambda: pure('big', r.randint(0, 20000)),
    ])()


def keyword(r):
    return r.choice([
        lambda: pure('add', x=r.randint(0, 99), y=r.randint(0, 99)),
        lambda: pure('add', y=r.randint(0, 99), x=r.randint(0, 99), z=7),
        lambda: pure('mul', r.randint(0, 99), y=r.uniform(0, 99)),
        lambda: pure('add', 1, z=0, y=5),
        lambda: pure('identity', x=scalar(r)),
        lambda: pure('echo_args', 1, [2], three=3, vier='四'),
        lambda: pure('noop', key=None),
    ])()


def unicode_text(r):
    text = ''.join(r.choice(TEXTS) for _ in range(3))
    return r.choice([
        lambda: pure('identity', text), lambda: pure('echo_args', text, key=text),
        lambda: pure('identity', {text + '1': [text]}), lambda: pure('type_name', text),
    ])()


def structure(r):
    return pure('identity', nested(r))


def typed_values(r):
    value = typed(r)
    return r.choice([
        lambda: pure('identity', value), lambda: pure('identity', {'list': [value, typed(r)]}),
        lambda: pure('type_name', value), lambda: pure('echo_args', value, again=value),
        lambda: pure('typed_value', r.choice(list(conf_tasks.VALUES))),
    ])()


def msgpack(r):
    value = r.choice([r.choice(TEXTS), r.randint(-2**63, 2**64 - 1), r.uniform(-1, 1), [1, None, True], {'a': {'b': []}}])
    call = r.choice([lambda: pure('identity', value), lambda: pure('add', r.randint(0, 9), y=4),
                     lambda: pure('echo_args', value, key=value)])()
    return with_options(call, serializer='msgpack')


def yaml(r):
    value = r.choice(['plain', '你好', 12, -1.5, [1, None, True], {'a': {'b': []}}, 'yes', '1', ''])
    return with_options(pure('identity', value), serializer='yaml')


def compressed(r):
    method = r.choice(['zstd', 'zlib', 'bzip2', 'brotli', 'lzma'])
    call = r.choice([lambda: pure('identity', 'x' * r.randint(0, 50000)), lambda: pure('identity', nested(r))])()
    return with_options(call, compression=method)


def msgpack_zstd(r):
    return with_options(pure('identity', [r.choice(TEXTS)] * 100), serializer='msgpack', compression='zstd')


def priority(r):
    return with_options(pure('add', r.randint(0, 99), 1), priority=r.randint(0, 9))


def countdown(r):
    return with_options(pure('add', r.randint(0, 99), 2), countdown=r.choice([-5, 0, 0.05, 0.5, 1, 2.5]))


def eta(r):
    now = dt.datetime.now(dt.timezone(dt.timedelta(hours=r.choice([0, 5.5, -7]))))
    return with_options(pure('mul', r.randint(0, 99), 2), eta=now + dt.timedelta(seconds=r.uniform(-1, 2)))


def expires(r):
    late = r.choice([3600, dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)])
    return with_options(pure('add', r.randint(0, 99), 3), expires=late)


def expired(r):
    past = dt.datetime.now(dt.timezone.utc) - dt.timedelta(seconds=r.randint(5, 500))
    return 'add', [1, 2], {}, {'expires': past}, Raises('TaskRevokedError')


def retries(r):
    key = f'mixed:{r.getrandbits(64):x}'
    n = r.randint(0, 3)
    start = r.randint(0, 4)
    return r.choice([
        ('retry_once', [], {'countdown': 0.05}, {}, 1),
        ('retry_args', [start], {}, {}, max(start, 3)),
        ('auto_retry', [], {}, {}, 1),
        ('retry', [], {'return_value': 'done', 'countdown': 0.02}, {}, 'done'),
        ('fail_until', [key, n], {'countdown': 0.02}, {}, n),
        ('retry', [], {'countdown': 0.02}, {}, Raises('ExpectedException', 'retrying')),
        ('retry_exhaust', [], {}, {}, Raises('MaxRetriesExceededError')),
        ('retry_once_priority', [], {'countdown': 0.05}, {'priority': 6}, 6),
    ])


def failures(r):
    text = r.choice(TEXTS)
    return r.choice([
        ('fail', [], {}, {}, Raises('ExpectedException', 'Task expected to fail')),
        ('fail', [text, 7], {}, {}, Raises('ExpectedException', 'Task expected to fail', text, 7)),
        ('raise_error', [], {}, {}, Raises('ValueError', 'deliberate error')),
        ('raise_named', ['builtins', 'KeyError', ['key']], {}, {}, Raises('KeyError', 'key')),
        ('raise_named', ['builtins', 'ZeroDivisionError', []], {}, {}, Raises('ZeroDivisionError')),
        ('add', [1], {}, {}, Raises('TypeError')),
        ('add', [1, 2, 3, 4], {}, {}, Raises('TypeError')),
        ('add', [1, 2], {'nothing': 3}, {}, Raises('TypeError')),
        ('tsum', ['text'], {}, {}, Raises('TypeError')),
        ('no_such_task', [], {}, {}, Raises('NotRegistered')),
    ])


def headers(r):
    return with_options(pure('add', 1, r.randint(0, 99)), headers={'tenant': 'a', 'n': 1}, shadow='shadowed')


def chosen_id(r):
    return with_options(pure('add', 2, r.randint(0, 99)), task_id=str(uuid.UUID(int=r.getrandbits(128), version=4)))


KINDS = [(positional, 16), (keyword, 14), (unicode_text, 10), (structure, 10), (typed_values, 12), (msgpack, 6),
         (yaml, 2), (compressed, 6), (msgpack_zstd, 2), (priority, 5), (countdown, 3), (eta, 2), (expires, 3),
         (expired, 1), (retries, 4), (failures, 3), (headers, 1), (chosen_id, 1)]


# -- the run --------------------------------------------------------------

def send(call):
    name, args, kwargs, options, _ = call
    # By name, as a program does that does not have the code of the worker.
    return app.send_task(f'conf_tasks.{name}', args, kwargs, **options)


def outcome(result):
    try:
        return result.get(timeout=PATIENCE, interval=0.01)
    except (TaskRevokedError, MaxRetriesExceededError) as error:
        return error
    except Exception as error:
        return error


def main(count, seed):
    r = random.Random(seed)
    makers, weights = zip(*KINDS)
    sent = []
    began = time.monotonic()
    for maker in r.choices(makers, weights, k=count):
        call = maker(r)
        sent.append((maker.__name__, call, send(call)))
    print(f'sent {count} calls in {time.monotonic() - began:.1f} s', flush=True)
    equal, by_kind, different = 0, collections.Counter(), collections.Counter()
    for kind, call, result in sent:
        got = outcome(result)
        by_kind[kind] += 1
        if same(call[4], got):
            equal += 1
            continue
        different[kind] += 1
        if sum(different.values()) <= SHOWN:
            print(f'DIFFERENT {kind} {result.id}: {call[0]} args={call[1]!r:.300} kwargs={call[2]!r:.300} '
                  f'options={call[3]!r}\n  expected {call[4]!r:.500}\n  got      {got!r:.500}', flush=True)
    print(json.dumps({kind: f'{by_kind[kind] - different[kind]}/{by_kind[kind]}' for kind in by_kind}))
    print(f'{count} calls, {equal} equal, {time.monotonic() - began:.1f} s')
    return 0 if equal == count else 1


if __name__ == '__main__':
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
