"""What the canvas cases share: how a case is declared, waited for and compared, and where tasks keep books.

A case is a function that sends a canvas and returns `(got, expected)`; what is expected follows from Celery's
rules and is written into the case. It says what it needs of the result backend, so that a run on `rpc://`
leaves out exactly what Celery itself refuses there.
"""
import collections
import os
import signal
import time
import uuid

from celery.result import GroupResult

#: How long one result may take, seconds. A case has its own, larger limit.
PATIENCE = 30
#: A case that takes longer than this hangs, unless it says otherwise.
LIMIT = 60

#: The backend has chords: everything but `rpc://`.
CHORDS = 'chords'
#: Results can be read more than once and by other programs than the sender: everything but `rpc://`.
STORE = 'store'
#: A worker that listens to remote control.
CONTROL = 'control'
#: The result of a replacement reaches whoever sent the original: over `rpc://` Celery sends it to the worker.
ANSWERS = 'answers'
#: Workers that end what Celery's leave pending for ever.
SOUND = 'sound'

Case = collections.namedtuple('Case', 'name run needs limit')
CASES = []


def case(*needs, limit=LIMIT):
    """Declares a case under the name of its function."""
    def keep(function):
        CASES.append(Case(function.__name__, function, frozenset(needs), limit))
        return function
    return keep


class Hung(Exception):
    """A case went over its limit."""


class limited:
    """Ends a case that hangs, wherever it waits."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.strike)
        signal.alarm(self.seconds)

    def __exit__(self, *_):
        signal.alarm(0)

    def strike(self, *_):
        raise Hung(f'no end within {self.seconds} s')


# -- results --------------------------------------------------------------

def get(result, **options):
    """The value of a result."""
    return result.get(timeout=PATIENCE, interval=0.01, **options)


def raised(result):
    """The exception that a result ends with: `[type, first argument]`."""
    try:
        value = get(result)
    except Exception as error:
        return [type(error).__name__, str(error.args[0]) if error.args else '']
    return f'no exception but {value!r}'


def raised_type(result):
    """The type of the exception that a result ends with."""
    outcome = raised(result)
    return outcome[0] if isinstance(outcome, list) else outcome


def ended(result):
    """The exception that a result itself holds: waiting for it raises that of its parents first."""
    error = get(result, propagate=False)
    return type(error).__name__ if isinstance(error, Exception) else f'no exception but {error!r}'


def outcome(result):
    """What a member of a group ended with: its value, or the name of its exception."""
    try:
        return get(result)
    except Exception as error:
        return type(error).__name__


def eventually(look, expected):
    """Looks until it sees what is expected; what it saw last, if that takes too long."""
    end = time.monotonic() + PATIENCE
    seen = look()
    while plain(seen) != plain(expected) and time.monotonic() < end:
        time.sleep(0.02)
        seen = look()
    return seen


def plain(value):
    """Tuples are lists after the wire."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def ids_of(result):
    """The ids of a result's ancestors, next first. A group counts by its own id."""
    ids, parent = [], result.parent
    while parent is not None:
        ids.append(parent.id)
        parent = parent.parent
    return ids


def members(result):
    """The results of a group."""
    assert isinstance(result, GroupResult), repr(result)
    return result.results


# -- books ----------------------------------------------------------------

_account = None
#: What the lists of all cases were when their case was over. Looked at once more at the end of the run: a
#: callback that is called twice may be called late.
BOOKS = {}


def account():
    global _account
    if _account is None:
        import redis
        _account = redis.Redis.from_url(os.environ['ACCOUNT_URL'], decode_responses=True)
    return _account


def key():
    """A list of its own for one case."""
    return f'canvas:{uuid.uuid4()}'


def entries(name):
    """What stands in a book now: a list, or how often a counter was counted up."""
    with account().pipeline(transaction=True) as both:
        counted, listed = both.get(name).lrange(name, 0, -1).execute(raise_on_error=False)
    return int(counted) if isinstance(counted, str) else listed


def book(name, expected, ordered=True):
    """What stands in a book when it is complete."""
    BOOKS[name] = (expected, ordered)
    arrange = (lambda seen: seen) if ordered or isinstance(expected, int) else sorted
    return arrange(eventually(lambda: arrange(entries(name)), arrange(expected)))


def untouched(name):
    """A book in which nothing may ever stand."""
    BOOKS[name] = ([], True)
    return entries(name)


def spoiled_books():
    """Books in which something was written after their case was over."""
    wrong = []
    for name, (expected, ordered) in BOOKS.items():
        seen = entries(name)
        if not ordered and not isinstance(seen, int):
            seen, expected = sorted(seen), sorted(expected)
        if seen != expected:
            wrong.append(f'{name}: expected {expected!r}, at the end of the run there is {seen!r}')
    return wrong
