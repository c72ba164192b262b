#!/usr/bin/env python
"""A Celery application whose messages and results are signed, and the keys for it.

    python signed_app.py keys FOLDER    makes `python`, `rust` (with a password), `stranger`, `expired`, and `store`
    python signed_app.py worker         consumes `py`
    python signed_app.py call           sends `demo.add` to `celery` and prints its result
    python signed_app.py send           only sends it, and prints its id

KEYS is the folder, WHO the name of the key to sign with.
"""
import datetime
import os
import shutil
import sys

folder = os.environ.get('KEYS') or sys.argv[2]


def make_keys():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    os.makedirs(os.path.join(folder, 'store'))
    now = datetime.datetime.now(datetime.timezone.utc)
    for name in ('python', 'rust', 'stranger', 'expired'):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f'{name} of the tests'),
                             x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'tästs')])
        end = now + datetime.timedelta(days=-1 if name == 'expired' else 7)
        certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
                       .public_key(key.public_key()).serial_number(x509.random_serial_number())
                       .not_valid_before(now - datetime.timedelta(days=2)).not_valid_after(end)
                       .sign(key, hashes.SHA256()))
        lock = (serialization.BestAvailableEncryption(b'open sesame') if name == 'rust'
                else serialization.NoEncryption())
        kind = (serialization.PrivateFormat.TraditionalOpenSSL if name == 'python'
                else serialization.PrivateFormat.PKCS8)
        with open(os.path.join(folder, f'{name}.key'), 'wb') as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, kind, lock))
        path = os.path.join(folder, f'{name}.pem')
        with open(path, 'wb') as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        if name in ('python', 'rust'):
            shutil.copy(path, os.path.join(folder, 'store'))


if sys.argv[1] == 'keys':
    make_keys()
    sys.exit()

import python_app  # noqa: E402

who = os.environ['WHO']
app = python_app.make('signed')
app.conf.update(
    task_serializer='auth', result_serializer='auth', accept_content=['auth'], result_accept_content=['auth'],
    security_key=os.path.join(folder, f'{who}.key'), security_certificate=os.path.join(folder, f'{who}.pem'),
    security_cert_store=os.path.join(folder, 'store', '*.pem'),
)
app.setup_security()


@app.task(name='signed.py_add')
def py_add(x, y):
    return x + y


if sys.argv[1] == 'worker':
    app.worker_main(['worker', '--hostname', 'py@signed', '--concurrency', '1', '--pool', 'threads', '--loglevel',
                     'INFO', '--without-gossip', '--without-mingle', '--queues', 'py'])
result = app.send_task('demo.add', [2, 40], queue='celery')
print(result.get(timeout=60) if sys.argv[1] == 'call' else result.id, flush=True)
# What Celery has open complains when it is taken apart at the end of the interpreter.
os._exit(0)
