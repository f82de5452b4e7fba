import json
import subprocess
import sys
import urllib.request

from .conftest import ROOT, user


def test_health_answers(server):
    assert server.call("GET", "/_localaws/health") == {"status": "ok"}


def test_a_port_in_use_ends_in_one_sentence_and_code_2(server, tmp_path):
    port = server.url.rsplit(":", 1)[1]
    second = subprocess.run(
        [sys.executable, "-m", "localaws", "--port", port, "--state", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2
    assert second.stdout == ""
    assert second.stderr.strip() == (
        f"localaws: 127.0.0.1:{port} is in use; stop what listens there or choose another "
        "with --port."
    )


def test_sigterm_stops_it_at_once_even_while_it_streams(start):
    running = start(LOCALAWS_TOKEN_DELAY_MS="60000")
    request = urllib.request.Request(  # noqa: S310 - our own loopback
        f"{running.url}/model/amazon.nova-lite-v1:0/converse-stream",
        data=json.dumps({"messages": [user("hello")]}).encode(),
        headers={"Authorization": "Bearer key", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as stream:  # noqa: S310 - our own loopback
        assert b"messageStart" in stream.read(119)
        running.process.terminate()
        assert running.process.wait(timeout=60) == 0


def test_an_operation_that_is_not_offered_is_refused_in_plain_words(bedrock):
    try:
        bedrock.list_custom_models()
    except bedrock.exceptions.ValidationException as error:
        assert "does not offer ListCustomModels" in error.response["Error"]["Message"]
    else:
        raise AssertionError("it should be refused")
