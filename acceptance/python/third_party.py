"""A server that we did not write: llama.cpp's, on a small random model made on the spot.

What the gateway reports is compared with what the same server says to a direct call.
"""

import os
import tempfile
import time
import urllib.error
import urllib.request

import gguf
import numpy
import xllamacpp
from openai import OpenAI
from portkey_ai import Portkey

from common import KEY, URL, finish, step

SECRET = "sk-llama-acceptance"
ADDRESS = ("127.0.0.1", int(os.environ["THIRD_PARTY_PORT"]))
SERVER = f"http://{ADDRESS[0]}:{ADDRESS[1]}"


def write_model(path):
    """A two-layer model whose tokens are single bytes; what it says is noise, but it is text."""
    width, heads, kv_heads, hidden, layers = 64, 4, 2, 128, 2
    tokens = [b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    )
    random = numpy.random.default_rng(7)

    def tensor(name, *shape):
        writer.add_tensor(name, (random.standard_normal(shape) * 0.1).astype(numpy.float32))

    tensor("token_embd.weight", len(tokens), width)
    output = (random.standard_normal((len(tokens), width)) * 0.1).astype(numpy.float32)
    for byte in range(256):
        if not 32 <= byte < 127:
            output[byte + 3] *= 0.001
    output[:3] *= 0.001
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", numpy.ones(width, dtype=numpy.float32))
    kv_width = width // heads * kv_heads
    for layer in range(layers):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", numpy.ones(width, dtype=numpy.float32))
        writer.add_tensor(f"{block}.ffn_norm.weight", numpy.ones(width, dtype=numpy.float32))
        tensor(f"{block}.attn_q.weight", width, width)
        tensor(f"{block}.attn_k.weight", kv_width, width)
        tensor(f"{block}.attn_v.weight", kv_width, width)
        tensor(f"{block}.attn_output.weight", width, width)
        tensor(f"{block}.ffn_gate.weight", hidden, width)
        tensor(f"{block}.ffn_up.weight", hidden, width)
        tensor(f"{block}.ffn_down.weight", width, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def start(model):
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 4096
    params.n_parallel = 2
    params.hostnames, params.port = [ADDRESS[0]], ADDRESS[1]
    params.warmup = False
    params.sse_ping_interval = -1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.api_keys = [SECRET]
    server = xllamacpp.Server(params)
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(SERVER + "/health", timeout=1)
            return server
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "the third-party server did not start"
            time.sleep(0.05)


def text_of(stream):
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return text, [chunk.usage for chunk in chunks if chunk.usage]


with tempfile.TemporaryDirectory() as folder:
    step("a random model and its server")
    path = os.path.join(folder, "random.gguf")
    write_model(path)
    server = start(path)

    Portkey(api_key=KEY, base_url=URL + "/v1").integrations.create(
        name="llama",
        ai_provider_id="openai",
        key=SECRET,
        slug="llama",
        configurations={"custom_host": SERVER + "/v1"},
    )
    gate = OpenAI(api_key=KEY, base_url=URL + "/v1", max_retries=0).chat.completions
    direct = OpenAI(api_key=SECRET, base_url=SERVER + "/v1", max_retries=0).chat.completions
    ask = {
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 16,
        "seed": 1,
        "temperature": 0,
    }

    step("chat: the same text and the same count of tokens as a direct call")
    through = gate.create(model="@llama/random", **ask)
    straight = direct.create(model="random", **ask)
    assert through.choices[0].message.content == straight.choices[0].message.content
    assert through.usage.prompt_tokens == straight.usage.prompt_tokens
    assert through.usage.completion_tokens == straight.usage.completion_tokens

    step("stream: the same text, and usage only when asked for")
    text, usage = text_of(gate.create(model="@llama/random", stream=True, **ask))
    assert text == straight.choices[0].message.content
    assert not usage, usage
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    text, usage = text_of(gate.create(model="@llama/random", **asked, **ask))
    assert text == straight.choices[0].message.content
    assert [one.prompt_tokens for one in usage] == [straight.usage.prompt_tokens]

    finish()
    # The server's threads do not end on their own.
    os._exit(0)
