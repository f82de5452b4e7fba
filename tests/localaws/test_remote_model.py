"""LOCAL_MODEL_URL: an OpenAI-compatible server answers in the local model's place."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .conftest import NOVA, Server, said, user


class ChatServer(BaseHTTPRequestHandler):
    """Streams what an OpenAI-compatible server would: words, or a tool call, then usage."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, body))
        last = body["messages"][-1]["content"]
        if "fail" in last:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"model is loading")
            return
        if body.get("tools"):
            call = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": '{"a"'}}
            rest = {"index": 0, "function": {"arguments": ": 1}"}}
            deltas = [{"tool_calls": [call]}, {"tool_calls": [rest]}]
            reason = "tool_calls"
        else:
            deltas = [{"content": "Good "}, {"content": "day."}]
            reason = "stop"
        events = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
        events.append({"choices": [{"delta": {}, "finish_reason": reason}]})
        events.append({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})
        self.send_response(200)
        self.end_headers()
        for event in events:
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    chat = ThreadingHTTPServer(("127.0.0.1", 0), ChatServer)
    chat.received = []
    thread = threading.Thread(target=chat.serve_forever, daemon=True)
    thread.start()
    running = Server(
        tmp_path_factory.mktemp("remote"),
        LOCAL_MODEL_URL=f"http://127.0.0.1:{chat.server_port}",
        LOCAL_MODEL_NAME="tiny",
    )
    yield running.client("bedrock-runtime"), chat.received
    running.stop()
    chat.shutdown()
    chat.server_close()
    thread.join()


def test_its_words_and_its_own_token_counts_come_through(remote):
    runtime, received = remote
    answer = runtime.converse(
        modelId=NOVA,
        system=[{"text": "Be kind."}],
        messages=[user("hello")],
        inferenceConfig={"maxTokens": 50, "temperature": 0.2},
    )
    assert said(answer) == "Good day."
    assert answer["usage"] == {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14}
    path, body = received[-1]
    assert path == "/v1/chat/completions"
    assert body["model"] == "tiny" and body["max_tokens"] == 50
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_a_tool_call_in_parts_is_one_tool_use(remote):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    spec = {"name": "look", "description": "Look", "inputSchema": {"json": schema}}
    answer = remote[0].converse(
        modelId=NOVA, messages=[user("look")], toolConfig={"tools": [{"toolSpec": spec}]}
    )
    assert answer["stopReason"] == "tool_use"
    (block,) = answer["output"]["message"]["content"]
    assert block["toolUse"] == {"toolUseId": "call_1", "name": "look", "input": {"a": 1}}


def test_its_refusal_is_a_model_error(remote):
    runtime = remote[0]
    with pytest.raises(runtime.exceptions.ModelErrorException, match="model is loading"):
        runtime.converse(modelId=NOVA, messages=[user("fail")])
