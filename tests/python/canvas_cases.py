#!/usr/bin/env python
r"""Canvases sent by a real Celery program to workers of any language, each result compared with Celery's rules.

    BROKER_URL=… RESULT_BACKEND=… ACCOUNT_URL=… python canvas_cases.py \
        [--mixed | --bad] [--without sound] [--only TEXT]

Prints one JSON object a line for every case: `case`, `ok`, `seconds`, and what went wrong. The last line counts;
after it stand the failures once more, readable. The exit status is 1 if a case failed. `--mixed` runs the cases
of `canvas_mixed` instead, whose steps alternate between the queues `python` and `rust`; `--bad` those of `canvas_bad`,
which cannot end well; `--list` names the cases.
With `rpc://` results, cases are left out that Celery itself refuses there. `--without sound` leaves out what only our
workers end well; Celery's own leave those results pending for ever.
"""
import argparse
import json
import os
import sys
import time
import traceback

import python_app

app = python_app.make()

import canvas_kit  # noqa: E402
import conf_tasks  # noqa: E402,F401


def wanted(options):
    if options.mixed:
        import canvas_mixed  # noqa: F401
    elif options.bad:
        import canvas_bad  # noqa: F401
    else:
        import canvas_chains  # noqa: F401
        import canvas_chords  # noqa: F401
        import canvas_errors  # noqa: F401
        import canvas_groups  # noqa: F401
        import canvas_ids  # noqa: F401
        import canvas_replace  # noqa: F401
        import canvas_stamps  # noqa: F401
        import canvas_unlock  # noqa: F401
    missing = set(options.without)
    if os.environ.get('RESULT_BACKEND', '').startswith('rpc'):
        missing |= {canvas_kit.CHORDS, canvas_kit.STORE}
    cases = [case for case in canvas_kit.CASES if any(text in case.name for text in options.only or [''])]
    return [case for case in cases if not case.needs & missing], [case for case in cases if case.needs & missing]


def run(case):
    """What a case came to: `None`, or why it is wrong."""
    try:
        with canvas_kit.limited(case.limit):
            got, expected = case.run()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f'{type(error).__name__}: {error} (line {where.lineno} of {os.path.basename(where.filename)})'
    if canvas_kit.plain(got) == canvas_kit.plain(expected):
        return None
    return f'expected {canvas_kit.plain(expected)!r}, got {canvas_kit.plain(got)!r}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--mixed', action='store_true')
    parser.add_argument('--bad', action='store_true')
    parser.add_argument('--without', action='append', default=[],
                        choices=[canvas_kit.ANSWERS, canvas_kit.CONTROL, canvas_kit.SOUND])
    parser.add_argument('--only', action='append')
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    cases, left_out = wanted(options)
    if options.list:
        print('\n'.join(case.name for case in cases))
        return 0
    began, failures = time.monotonic(), []
    for case in cases:
        start = time.monotonic()
        wrong = run(case)
        line = {'case': case.name, 'ok': wrong is None, 'seconds': round(time.monotonic() - start, 2)}
        if wrong is not None:
            line['wrong'] = wrong
            failures.append(f'{case.name}: {wrong}')
        print(json.dumps(line, default=str), flush=True)
    failures += canvas_kit.spoiled_books()
    took = time.monotonic() - began
    print(f'{len(cases)} cases, {len(failures)} failed, {len(left_out)} left out, {took:.1f} s')
    for failure in failures:
        print(f'FAILED {failure:.1500}')
    return 1 if failures or not cases else 0


if __name__ == '__main__':
    sys.exit(main())
