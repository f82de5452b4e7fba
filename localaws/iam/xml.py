"""Refusals and partial answers in the XML of S3, STS and IAM."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from localaws.errors import AwsError
from localaws.wire import Response

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
_NAMESPACES = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
}


def refused(service: str, error: AwsError, *, head: bool = False) -> Response:
    """The answer that tells an error; S3's to HEAD has no body."""
    number = str(uuid.uuid4())
    inner = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    if service == "s3":
        text = f"<Error>{inner}<RequestId>{number}</RequestId><HostId>local</HostId></Error>"
        headers = {"x-amz-request-id": number}
    else:
        text = (
            f'<ErrorResponse xmlns="{_NAMESPACES[service]}"><Error><Type>Sender</Type>{inner}'
            f"</Error><RequestId>{number}</RequestId></ErrorResponse>"
        )
        headers = {"x-amzn-requestid": number}
    body = b"" if head else (_DECLARATION + text).encode()
    return Response(error.status, body, "application/xml", headers)


def keys_allowed(
    body: bytes, refusal_of: Callable[[str], str | None]
) -> tuple[bytes | None, list[tuple[str, str]]]:
    """DeleteObjects without the keys that are refused, and those with the words for each.

    None stands for a request with nothing left. Raises MalformedXML.
    """
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - a test server on loopback
    except ElementTree.ParseError:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed.") from None
    refused_keys = []
    left = 0
    for element in list(root):
        if not element.tag.endswith("Object"):
            continue
        key = next((child.text or "" for child in element if child.tag.endswith("Key")), "")
        words = refusal_of(key)
        if words is None:
            left += 1
        else:
            refused_keys.append((key, words))
            root.remove(element)
    if not refused_keys:
        return body, []
    namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else None
    rest = ElementTree.tostring(root, default_namespace=namespace) if left else None
    return rest, refused_keys


def with_errors(answer: bytes, refused_keys: list[tuple[str, str]]) -> bytes:
    """A DeleteObjects answer with an AccessDenied for each refused key."""
    errors = "".join(
        f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code>"
        f"<Message>{escape(words)}</Message></Error>"
        for key, words in refused_keys
    )
    empty = f'{_DECLARATION}<DeleteResult xmlns="{_S3}"></DeleteResult>'
    text = answer.decode() if b"</DeleteResult>" in answer else empty
    return text.replace("</DeleteResult>", errors + "</DeleteResult>").encode()
