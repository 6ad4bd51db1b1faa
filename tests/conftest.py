"""For every test."""

import signal

# A shell ignores these in what it starts with `&`, and programs that tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
