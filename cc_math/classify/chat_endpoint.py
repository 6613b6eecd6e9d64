"""One question to an OpenAI-compatible chat endpoint, with retries: urllib and nothing else.

Owns the protocol's small part that labelling needs (POST URL/chat/completions, a list of
messages in, the first choice's content and the token counts out) and what to do when the
server is busy, slow or wrong. Reads an API key from an environment variable, never from a
flag, and writes it nowhere: it stands in no message, no exception and no file.

The trade: no client library and no streaming; a request is one thread's for as long as the
server takes, at most `timeout_s`.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from cc_math.errors import JobError, UserError

# 408, 409, 429 and 5xx may pass; every other status will be the same next time (RFC 9110).
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
# Other statuses that are about one question alone (too long, filtered); the rest (a refused key,
# an unknown model, a redirect) would meet every question.
_OF_ONE_QUESTION = frozenset({400, 413, 422})
_MAX_ANSWER_BYTES = 4 << 20  # chosen: an answer of a hundred tokens is a kilobyte
_LONGEST_WAIT_S = 120.0  # chosen: a server that asks for more is better asked tomorrow


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to ask. `url` is the API's base, such as https://host/v1."""

    url: str
    model: str
    timeout_s: float
    retries: int  # further attempts after the first
    backoff_s: float  # wait before the first retry, doubled each time
    max_answer_tokens: int
    api_key: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)  # fields added; None removes one

    def __repr__(self) -> str:
        return f"Endpoint(url={self.url!r}, model={self.model!r})"  # never the key


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: content ('' for none), why it stopped, tokens as it counted them."""

    content: str
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None


class EndpointError(JobError):
    """An answer could not be had; `fatal` where no other question would be answered either."""

    def __init__(self, message: str, *, fatal: bool) -> None:
        super().__init__(message)
        self.fatal = fatal


def api_key_from(variable: str) -> str | None:
    """The key in an environment variable; None where `variable` is ''.

    Raises UserError where the variable is not set, or holds what no header can.
    """
    if not variable:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(
            f"the environment variable {variable} is not set; put the API key there, or give "
            "--api-key-env '' for a server that wants none"
        )
    if not key.isascii() or not key.isprintable():
        raise UserError(f"the environment variable {variable} holds no key: expected plain ASCII")
    return key


def check_url(url: str) -> str:
    """The base address without a final slash. Raises UserError for what is no http address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.username:
        raise UserError(
            f"--endpoint: expected an address such as https://host/v1, found {parts.scheme or '?'}"
            f"://{parts.hostname or '?'} (no user or key in it)"
        )
    return url.rstrip("/").removesuffix("/chat/completions")


def ask(
    endpoint: Endpoint,
    messages: list[dict[str, str]],
    pause: Callable[[float], object] = time.sleep,
) -> Answer:
    """Send one conversation and return the first choice.

    Busy servers (429, 5xx), broken connections, slow and garbled answers are tried again,
    after `Retry-After` or twice the last wait; a `pause` that returns True ends the attempts.
    Raises EndpointError when they are used up, or at once for a status that no retry mends.
    """
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": endpoint.max_answer_tokens,
        **endpoint.request,
    }
    body = {name: value for name, value in body.items() if value is not None}
    for attempt in range(endpoint.retries + 1):
        try:
            return _parsed(_post(endpoint, body))
        except urllib.error.HTTPError as error:
            with error:
                what = f"HTTP {error.code} {_said(error, endpoint.api_key)}".strip()
            if error.code not in _PASSING:
                raise EndpointError(
                    f"{endpoint.url}: {what}; no retry mends that",
                    fatal=error.code not in _OF_ONE_QUESTION,
                ) from None
            asked_s = _retry_after_s(error.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException, _Garbled) as error:
            # URLError, timeouts, resets and half answers alike
            what, asked_s = f"{type(error).__name__}: {error}", None
        wait_s = min(_LONGEST_WAIT_S, max(asked_s or 0.0, endpoint.backoff_s * 2**attempt))
        if attempt == endpoint.retries or pause(wait_s) is True:
            raise EndpointError(
                f"{endpoint.url}: gave up after {attempt + 1} attempts: {what}", fatal=False
            )
    raise AssertionError("unreachable")


class _Garbled(Exception):
    """An answer that is not the protocol's."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key must not follow a redirect to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(endpoint: Endpoint, body: dict[str, Any]) -> bytes:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if endpoint.api_key is not None:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    request = urllib.request.Request(
        f"{endpoint.url}/chat/completions",
        data=json.dumps(body, ensure_ascii=True).encode(),
        headers=headers,
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirect)
    until_s = time.monotonic() + endpoint.timeout_s
    content = bytearray()
    with opener.open(request, timeout=endpoint.timeout_s) as response:
        # the socket's timeout is for each read; a server that drips must end too
        while block := response.read1(65536):
            content += block
            if len(content) > _MAX_ANSWER_BYTES:
                raise _Garbled(f"more than {_MAX_ANSWER_BYTES:,} bytes")
            if time.monotonic() > until_s:
                raise TimeoutError(f"no whole answer in {endpoint.timeout_s:g} s")
    return bytes(content)


def _parsed(content: bytes) -> Answer:
    try:
        value = json.loads(content)
        choice = value["choices"][0]
        message = choice["message"]
        usage = value.get("usage") or {}
        text = message.get("content") or ""
        if not isinstance(text, str):
            raise TypeError("content is no text")
        refused = not text and message.get("refusal")
        return Answer(
            content=text,
            finish_reason="refusal" if refused else str(choice.get("finish_reason") or ""),
            input_tokens=_count(usage.get("prompt_tokens")),
            output_tokens=_count(usage.get("completion_tokens")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _Garbled(f"not a chat completion ({type(error).__name__}: {error})") from None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _said(error: urllib.error.HTTPError, api_key: str | None) -> str:
    """The server's own message, cut; servers echo keys, so nothing that is like one stays."""
    try:
        message = str(json.loads(error.read(65536))["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        message = str(error.reason)
    if api_key is not None:
        message = message.replace(api_key, "…")
    words = ["…" if len(word) > 24 or "*" in word else word for word in message.split()]
    return " ".join(words)[:200]


def _retry_after_s(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
