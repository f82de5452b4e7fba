"""The embedded stack: every part the product needs, started and supervised from one command.

`manage.py up` runs it. Nothing here imports Django, so that a mistake in the settings shows as a
child's error and not as a stack that cannot start.
"""
