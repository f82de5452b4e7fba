"""Do what waits in a queue and end: `python -m tests.support.work provisioning`.

A worker of Celery's own, in a process under the login of its environment.
"""

import sys

import django

if __name__ == "__main__":
    [queue] = sys.argv[1:]
    django.setup()
    from config.celery import app

    with app.connection_for_read() as opened:
        taken = opened.SimpleQueue(queue)
        while True:
            try:
                message = taken.get(timeout=0.2)
            except taken.Empty:
                break
            task = app.tasks[message.headers["task"]]
            args, kwargs, _ = message.decode()
            task(*args, **kwargs)
            message.ack()
        taken.close()
