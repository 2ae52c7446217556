"""What schemathesis is told of the instance: names of things that are there, and what to leave alone."""

import json
import os
import zlib

import schemathesis

THINGS = json.loads(os.environ["FUZZ_THINGS"])
TALLY = os.environ["FUZZ_TALLY"]
NOTHING = "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b"


def known(value, things):
    """In place of most values, one of something that is there."""
    chance = zlib.crc32(repr(value).encode())
    return things[chance // 4 % len(things)] if things and chance % 4 else value


@schemathesis.hook
def map_path_parameters(context, parameters):
    path = context.operation.path
    for name, value in (parameters or {}).items():
        parameters[name] = known(value, THINGS["paths"].get(path[: path.index("{" + name + "}")]))
    return parameters


def named(fields):
    if isinstance(fields, dict):
        for name in fields.keys() & THINGS["fields"].keys():
            fields[name] = known(fields[name], THINGS["fields"][name])
    return fields


@schemathesis.hook
def map_query(context, query):
    return named(query)


@schemathesis.hook
def map_body(context, body):
    return named(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """The key and the session that the fuzzer works with are not its to change or to end."""
    for name, value in (case.path_parameters or {}).items():
        if value in THINGS["keep"]:
            case.path_parameters[name] = NOTHING


@schemathesis.hook
def after_call(context, case, response):
    with open(TALLY, "a") as tally:
        tally.write(f"{response.status_code} {case.operation.label}\n")
