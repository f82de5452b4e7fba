"""What stops the stack, said in one sentence to the person at the terminal."""


class StackError(Exception):
    """The stack cannot start or go on; the message says what to do about it."""
