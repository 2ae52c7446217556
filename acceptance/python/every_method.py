"""That a journey calls every method that the client has for some resources: found by looking at the
client, so that a method of a newer one is missed loudly."""

import inspect

from portkey_ai.api_resources.apis.api_resource import APIResource

# Resources of the client that are no administration of tenants, people, keys and providers.
OTHERS = {
    "analytics", "audio", "batches", "beta", "chat", "collections", "completions", "configs", "containers",
    "conversations", "embeddings", "evals", "feedback", "files", "fine_tuning", "generations", "guardrails",
    "images", "labels", "logs", "mcp_integrations", "mcp_servers", "models", "moderations", "prompts",
    "realtime", "responses", "skills", "uploads", "vector_stores", "videos", "webhooks",
}


def resources(client, name=""):
    """Every resource below `client` with the name that leads to it."""
    for part, value in vars(client).items():
        if isinstance(value, APIResource) and not part.startswith("_"):
            path = f"{name}.{part}".lstrip(".")
            yield path, value
            yield from resources(value, path)


def watch(client, *roots):
    """Notes the calls of every method of and below those resources, or, where a name ends with a dot,
    of that one alone. What it returns checks that none was forgotten."""
    known = {path.split(".")[0] for path, _ in resources(client)}
    left = known - OTHERS - {"admin", "api_keys", "integrations", "providers", "virtual_keys"}
    assert not left, f"resources that no journey knows of: {left}"
    missing = set()

    def count(resource, name, path):
        method = getattr(resource, name)

        def counted(*args, **named):
            answer = method(*args, **named)
            missing.discard(path)
            return answer

        setattr(resource, name, counted)
        missing.add(path)

    for path, resource in resources(client):
        if not any(f"{path}." == root or f"{path}.".startswith(f"{root}.") for root in roots):
            continue
        for name, method in inspect.getmembers(type(resource), inspect.isfunction):
            # What every resource inherits are the ways to send a request.
            if not name.startswith("_") and not hasattr(APIResource, name):
                count(resource, name, f"{path}.{name}")
    assert missing, "the client has none of these resources"

    def check():
        assert not missing, f"never called with success: {sorted(missing)}"

    return check
