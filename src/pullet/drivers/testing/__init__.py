"""Runs an app's tests in the runtimes that are the columns of a report.

The conductor deals tests out to sessions: interpreters in each of which pytest runs once, with the plugin
`inside/pullet_pytest.py`. They talk in JSON objects, one a line.

A session says
    {"say": "collected", "tests", "errors", "skipped", "deferred"}      once, before any test
        `tests`: [{"id", "path", "line"}…]; `errors`: files that cannot be collected, [{"id", "message"}…]; `skipped`:
        files that skip themselves, the same; `deferred`: paths of files whose tests need the page itself (they import
        `document` or `window` from `js`, or `pyscript`): a session on the main thread runs those only
    {"say": "want"}
        it has nothing more to do than the test in hand; it is answered
    {"say": "start", "id"}            a test begins
    {"say": "result", "id", "status", "duration", "message"}      and has ended
    {"say": "end", "exit", "message"} pytest is done; `message` where it ended for a reason of its own (a usage error)
and is told
    {"do": "run", "ids": […]}         do these next, in this order
    {"do": "finish"}                  there is nothing more
"""
