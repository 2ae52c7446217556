"""schemathesis, driven by the OpenAPI document that the binary serves: no 5xx, nothing undocumented.

The instance is thrown away afterwards: what is made here is there for the fuzzer to read, change and
delete, together with whatever it makes itself.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from common import KEY, PROVIDER_KEY, URL, WORKSPACE, finish, step

EMAIL = os.environ["PORTCULLIS_OWNER"]
PASSWORD = os.environ["PORTCULLIS_OWNER_PASSWORD"]
SECONDS = os.environ.get("FUZZ_SECONDS", "30")
# The same cases each time, as far as the answers are the same; another number looks elsewhere.
SEED = os.environ.get("FUZZ_SEED", "1")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What ends the session that the fuzzer works in: fuzzed last, by itself.
ENDS_THE_SESSION = ["/auth/sign-out", "/auth/sign-out-everywhere", "/auth/session/organisation", "/auth/password"]


def call(method, path, body=None, headers=None):
    headers = {"x-portkey-api-key": KEY, "content-type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer), answer.headers


def make(path, **body):
    return call("POST", path, body)[0]


def fuzz(what, seconds, headers, things, *options):
    """Lets schemathesis loose, and returns which statuses it got from each operation, how often."""
    with tempfile.TemporaryDirectory() as folder:
        # One worker: two share a cache of the library below without a lock, and stumble now and then.
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", URL + "/v1/openapi.json",
            "--checks", CHECKS, "--phases", "coverage,fuzzing",
            "--max-time", seconds, "--seed", SEED, "--workers", "1", "--warnings", "off", "--no-color",
            "--suppress-health-check", "all", "--request-timeout", "30", *options,
        ]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        tally = Path(folder, "tally")
        environment = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": "fuzz_hooks",
            "PYTHONPATH": str(Path(__file__).parent),
            "FUZZ_THINGS": json.dumps(things),
            "FUZZ_TALLY": str(tally),
        }
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{what}: schemathesis has found something\n{run.stdout}{run.stderr}")
        statuses = collections.defaultdict(collections.Counter)
        for line in tally.read_text().splitlines():
            status, operation = line.split(" ", 1)
            statuses[operation][int(status)] += 1
    calls = sum(count.total() for count in statuses.values())
    step(f"{what}: {calls} calls of {len(statuses)} operations")
    return statuses


step("something of everything")
AFEW = range(4)
workspaces = [
    make("/v1/admin/workspaces", name=f"Fuzzed {n}", defaults={"metadata": {"a": "b"}}) for n in AFEW
]


def invite(name):
    places = [{"id": workspace["id"], "role": "manager"} for workspace in workspaces]
    return make("/v1/admin/users/invites", email=f"{name}@people.test", role="member", workspaces=places)


def accept(invite):
    token = invite["invite_link"].split("#")[1]
    return make("/auth/invites/accept", token=token, password="three blind mice")["user"]["id"]


people = [accept(invite(f"fuzz-{n}")) for n in AFEW]
pending = [invite(f"later-{n}") for n in AFEW]
keys = [make("/v1/api-keys/workspace/service", name="fuzzed", scopes=["virtual_keys.list"]) for _ in AFEW]
for n in AFEW:
    make("/v1/integrations", name="Fuzzed", slug=f"shared-{n}", ai_provider_id="openai", key=PROVIDER_KEY)
    make("/v1/providers", name="Fuzzed", slug=f"provider-{n}", integration_id="shared-0")
    make("/v1/virtual-keys", name="Fuzzed", slug=f"key-{n}", provider="openai", key=PROVIDER_KEY)
inside = [f"/v1/admin/workspaces/{workspace['id']}" for workspace in workspaces]
environments = [make(f"{path}/environments", name="Fuzzed")["id"] for path in inside]

# The key and the session that the fuzzer works with.
mine = call("GET", "/v1/api-keys?page_size=1000")[0]["data"]
scopes = next(one["scopes"] for one in mine if "audit_logs.list" in one["scopes"])
own = make("/v1/api-keys/organisation/service", name="the fuzzer's", scopes=scopes)
_, signed_in = call("POST", "/auth/sign-in", {"email": EMAIL, "password": PASSWORD})
cookie = signed_in["set-cookie"].split(";")[0]
session, _ = call("GET", "/auth/session", headers={"cookie": cookie})
sessions, _ = call("GET", "/auth/sessions", headers={"cookie": cookie})
headers = {"x-portkey-api-key": own["key"], "Cookie": cookie, "x-csrf-token": session["csrf_token"]}
things = {
    "keep": [own["id"], *(one["id"] for one in sessions["data"] if one["is_current"])],
    "paths": {
        "/v1/admin/workspaces/": [one[name] for one in workspaces for name in ("id", "slug")],
        "/v1/admin/workspaces/{workspaceId}/environments/": environments,
        "/v1/admin/workspaces/{workspaceId}/users/": people,
        "/v1/admin/users/": people,
        "/v1/admin/users/invites/": [one["id"] for one in pending],
        "/v1/api-keys/": [one["id"] for one in keys],
        "/v1/integrations/": [f"shared-{n}" for n in AFEW],
        "/v1/providers/": [f"provider-{n}" for n in AFEW],
        "/v1/virtual-keys/": [f"key-{n}" for n in AFEW],
    },
    "fields": {
        "workspace_id": [WORKSPACE, "", *(one["slug"] for one in workspaces)],
        "integration_id": [f"shared-{n}" for n in AFEW],
        "user_id": people,
        "key": [PROVIDER_KEY],
        "environment": ["production", ""],
        "organisation": ["acme"],
        "scopes": [["completions.write"], ["virtual_keys.list", "logs.view"]],
        "permissions": [None],
        "allowed_addresses": [[]],
        "expires_at": [None],
    },
}

without = ["--max-examples", "1000", *(word for path in ENDS_THE_SESSION for word in ("--exclude-path", path))]
statuses = fuzz("everything", SECONDS, headers, things, *without)
refused = sorted(operation for operation, seen in statuses.items() if 200 not in seen)
step(f"never more than refused: {', '.join(refused)}")
# The fuzzer still had its key and its session when it ended.
call("GET", "/v1/api-keys", headers={"x-portkey-api-key": own["key"]})
call("GET", "/auth/session", headers={"cookie": cookie})
only = [word for path in ENDS_THE_SESSION for word in ("--include-path", path)]
endings = fuzz("what ends a session", "12", headers, things, "--max-examples", "20", *only)

document, _ = call("GET", "/v1/openapi.json")
operations = {
    f"{method.upper()} {path}"
    for path, methods in document["paths"].items()
    for method in methods
    if method in ("get", "post", "put", "delete")
}
# The document itself is what the fuzzer reads to begin with.
called = set(statuses) | set(endings) | {"GET /v1/openapi.json"}
assert called == operations, f"never called: {operations - called}; unknown: {called - operations}"
# A fuzzer that is only ever refused finds nothing. Which operations it gets through to is chance, and
# that of two in three it does is not.
fuzzed = operations - {"GET /v1/openapi.json"}
good = {one for one in fuzzed if 200 in statuses[one] + endings[one]}
assert len(good) > len(fuzzed) * 2 // 3, f"answered 200: only {sorted(good)}"

finish()
