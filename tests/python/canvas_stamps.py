"""Stamps: headers that are put on every signature of a canvas."""
from celery import chain, chord, group
from celery.canvas import StampingVisitor

from canvas_kit import ANSWERS, CHORDS, CONTROL, STORE, case, eventually, get, key, outcome
from conf_tasks import add, identity, replace_with_stamped_task, replaced_with_me, request_info, retry_once_info


def stamps(info):
    return info['stamps']


@case()
def stamp_of_a_task():
    sig = request_info.si()
    sig.stamp(tenant='a')
    info = get(sig.delay())
    return [stamps(info), info['stamped_headers']], [{'tenant': 'a'}, ['tenant']]


@case()
def stamp_of_a_chain_is_on_every_step():
    canvas = chain(request_info.si(1), request_info.si(2))
    canvas.stamp(tenant='a')
    result = canvas()
    return stamps(get(result)), {'tenant': 'a'}


@case(CHORDS)
def stamp_of_a_chord_is_on_every_member():
    canvas = chord([request_info.si(1), request_info.si(2)], identity.s())
    canvas.stamp(tenant='a')
    return [stamps(info) for info in get(canvas())], [{'tenant': 'a'}] * 2


@case(CHORDS)
def stamp_of_a_chord_is_not_on_its_body():
    canvas = chord([add.s(1, 1), add.s(2, 2)], request_info.s())
    canvas.stamp(tenant='a')
    return stamps(get(canvas())), {}


class OnBodies(StampingVisitor):
    """Stamps members and bodies of chords differently."""

    def on_signature(self, sig, **_):
        return {'task': sig.task}

    def on_chord_body(self, sig, **_):
        return {'body': True}


@case(CHORDS)
def visitor_stamps_the_body_of_a_chord():
    canvas = chord([add.s(1, 1), add.s(2, 2)], request_info.s())
    canvas.stamp(OnBodies())
    return stamps(get(canvas())), {'body': True, 'task': 'conf_tasks.request_info'}


@case()
def stamp_of_a_group_is_on_every_member():
    canvas = group(request_info.si(n) for n in range(3))
    canvas.stamp(tenant='a')
    return [stamps(info) for info in get(canvas())], [{'tenant': 'a'}] * 3


@case()
def stamps_of_several_values():
    sig = request_info.si()
    sig.stamp(tenant=['a', 'b'], trace='t')
    info = get(sig.delay())
    return [sorted(stamps(info)['tenant']), stamps(info)['trace'], sorted(info['stamped_headers'])], \
        [['a', 'b'], 't', ['tenant', 'trace']]


class Numbered(StampingVisitor):
    """Stamps every signature with its name and a number."""

    def __init__(self):
        self.number = 0

    def on_signature(self, sig, **_):
        self.number += 1
        return {'number': self.number, 'stamped_headers': ['number']}


@case()
def visitor_stamps_each_signature():
    canvas = group(request_info.si(), request_info.si())
    canvas.stamp(Numbered())
    return sorted(stamps(info)['number'] for info in get(canvas())), [1, 2]


class OnCallbacks(StampingVisitor):
    """Stamps what is linked."""

    def on_signature(self, sig, **_):
        return {'kind': 'task'}

    def on_callback(self, callback, **_):
        return {'linked': True}


@case(STORE)
def visitor_stamps_links():
    canvas = add.s(1, 1)
    canvas.link(request_info.s())
    canvas.stamp(OnCallbacks())
    result = canvas.delay()
    get(result)
    eventually(lambda: len(result.children or []), 1)
    return stamps(get(result.children[0])).get('linked'), True


@case()
def stamps_stay_over_a_retry():
    sig = retry_once_info.s(countdown=0.05)
    sig.stamp(tenant='a')
    info = get(sig.delay())
    return [info['stamps'], info['retries']], [{'tenant': 'a'}, 1]


@case(STORE)
def replacement_has_the_stamps_of_its_own_only():
    sig = replace_with_stamped_task.s(replace_with=request_info.si())
    sig.stamp(tenant='a')
    info = get(sig.delay())
    return stamps(info), {'StampOnReplace': 'This is the replaced task'}


@case(ANSWERS)
def task_is_replaced_by_a_stamped_task():
    return get(replace_with_stamped_task.delay()), True


@case(ANSWERS)
def replacement_may_be_given():
    return get(replace_with_stamped_task.delay(replace_with=replaced_with_me.s())), True


@case(CHORDS)
def stamped_replacement_inside_a_chord():
    canvas = chord([replace_with_stamped_task.s(replace_with=request_info.si()), request_info.si()], identity.s())
    canvas.stamp(tenant='a')
    one, two = get(canvas())
    return [stamps(one), stamps(two)], [{'StampOnReplace': 'This is the replaced task'}, {'tenant': 'a'}]


@case(CONTROL)
def tasks_are_revoked_by_their_stamp():
    from python_app import app_of_the_run
    value = key()
    canvas = group(add.s(1, 1).set(countdown=6), add.s(2, 2))
    canvas.tasks[0].stamp(series=value)
    late, now = canvas().results
    app_of_the_run().control.revoke_by_stamped_headers({'series': [value]})
    return [outcome(now), outcome(late)], [4, 'TaskRevokedError']
