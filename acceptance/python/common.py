"""What every journey shares: where things are, and how a journey tells its steps and its count.

A journey is a plain program against the unmodified client: it asserts, and it ends with the number
of calls that it meant to reach the provider. The runner compares that with the provider's journal.
"""

import os
import time

URL = os.environ["PORTCULLIS_URL"]
KEY = os.environ["PORTCULLIS_API_KEY"]
WORKSPACE = os.environ["PORTCULLIS_WORKSPACE"]
# The scripted provider, with its version path, and a credential that it takes.
UPSTREAM = os.environ["UPSTREAM_URL"]
PROVIDER_KEY = os.environ["UPSTREAM_KEY"]

_calls = 0


def step(what):
    print(f"  - {what}", flush=True)


def calls(count=1):
    """Notes that `count` calls just reached the provider."""
    global _calls
    _calls += count


def finish():
    print(f"upstream calls: {_calls}", flush=True)


def fails_with(status, error, act):
    """Runs `act` and returns its error, which must be of this type and status."""
    try:
        act()
    except error as problem:
        assert problem.status_code == status, f"wanted {status}, got {problem.status_code}: {problem}"
        return problem
    raise AssertionError(f"wanted status {status}, but the call succeeded")


def eventually(find, within=10.0):
    """The first truthy result of `find`: logs are stored a moment after the answer."""
    deadline = time.monotonic() + within
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
