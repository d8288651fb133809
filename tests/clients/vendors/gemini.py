"""A provider of Gemini's generateContent (ai.google.dev/api/generate-content)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from tests.clients.scene import (
    CACHED_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REASONING_TOKENS,
    SIGNATURE,
    Asked,
    Said,
    Turn,
)
from tests.clients.vendors.vendor import Vendor, words
from tests.provider import Seen

FIELDS = frozenset(["contents", "systemInstruction", "generationConfig", "tools", "toolConfig"])
SETTINGS = frozenset(
    [
        "maxOutputTokens",
        "temperature",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
    ]
)
STATUS = {400: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}
USAGE = {
    "promptTokenCount": INPUT_TOKENS,
    "cachedContentTokenCount": CACHED_TOKENS,
    "candidatesTokenCount": OUTPUT_TOKENS - REASONING_TOKENS,
    "thoughtsTokenCount": REASONING_TOKENS,
    "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
}


def asked(seen: Seen) -> Asked:
    document = seen.json
    settings = document.get("generationConfig") or {}
    said: list[Said] = []
    signatures: list[str] = []
    for content in document["contents"]:
        for part in content["parts"]:
            if "thoughtSignature" in part:
                signatures.append(part["thoughtSignature"])
            if part.get("thought"):
                continue
            role = "assistant" if content["role"] == "model" else "user"
            said.append(Said(role, *_part(part)))
    functions = [f for tool in document.get("tools") or () for f in tool["functionDeclarations"]]
    schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
    return Asked(
        "\n\n".join(
            p["text"] for p in (document.get("systemInstruction") or {"parts": []})["parts"]
        ),
        tuple(said),
        settings.get("maxOutputTokens"),
        settings.get("temperature"),
        tuple(
            (f["name"], f.get("description", ""), f["parametersJsonSchema"])
            for f in map(_camel, functions)
        ),
        schema,
        ":streamGenerateContent" in seen.path,
        tuple(signatures),
        (frozenset(document) - FIELDS) | (frozenset(settings) - SETTINGS),
    )


def _part(part: dict[str, Any]) -> tuple[Any, Any]:
    match part:
        case {"text": text}:
            return "text", text
        case {"inlineData": picture}:
            # Google's library writes URL-safe base64, which Google takes.
            data = picture["data"].translate(_SAFE)
            return "image", (_camel(picture)["mimeType"], base64.urlsafe_b64decode(data))
        case {"functionCall": {"name": name, "args": arguments} as call}:
            return "call", (call.get("id"), name, arguments)
        case {"functionResponse": {"name": _, "response": response} as answer}:
            (text,) = response.values()
            return "result", (answer.get("id"), text)
        case _:
            raise AssertionError(f"no such part: {part}")


_SAFE = str.maketrans("+/", "-_")


def _camel(members: dict[str, Any]) -> dict[str, Any]:
    """Google takes names in either spelling, and its own library writes both."""
    return {re.sub("_([a-z])", lambda m: m[1].upper(), k): v for k, v in members.items()}


def _parts(turn: Turn) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": w, "thought": True} for w in words(turn.thought)]
    parts += [{"text": word} for word in words(turn.text)]
    for n, (name, arguments) in enumerate(turn.calls, start=1):
        part: dict[str, Any] = {
            "functionCall": {"id": f"up_{n}", "name": name, "args": dict(arguments)}
        }
        # Of parallel calls the first alone is signed.
        parts.append({**part, "thoughtSignature": SIGNATURE} if n == 1 else part)
    return parts


def _document(parts: list[dict[str, Any]], model: str, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": model,
        "responseId": "up-9",
    }


def _finish(turn: Turn) -> str:
    return "MAX_TOKENS" if turn.finish == "length" else "STOP"


def whole(turn: Turn, model: str) -> dict[str, Any]:
    thoughts = [{"text": turn.thought, "thought": True}] if turn.thought else []
    texts = [{"text": turn.text}] if turn.text else []
    calls = [part for part in _parts(turn) if "functionCall" in part]
    return _document([*thoughts, *texts, *calls], model, _finish(turn))


def stream(turn: Turn, model: str) -> bytes:
    *first, last = _parts(turn)
    documents = [_document([part], model, None) for part in first]
    documents.append(_document([last], model, _finish(turn)))
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(d).encode() for d in documents)


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": STATUS[status]}}


def model_of(seen: Seen) -> str:
    found = re.search(r"/models/([^:]+):", seen.path)
    assert found is not None, seen.path
    return found[1]


VENDOR = Vendor(
    base_path="/v1beta",
    stream_type="text/event-stream",
    asked=asked,
    whole=whole,
    stream=stream,
    error=error,
    model_of=model_of,
    says=frozenset({"cached", "reasoning"}),
    signs=True,
    unsigned=("skip_thought_signature_validator",),
)
