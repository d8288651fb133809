"""Gemini's dialect on both sides: nothing is touched that need not be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.chat.sealing import seal
from llmrouter.core.requests import ChatRequest
from tests.dialects.gemini.speaking import NATIVE, gemini_request, said

CALL = {"functionCall": {"name": "f", "args": {}}}
MARK = "skip_thought_signature_validator"


def test_a_request_passes_byte_for_byte_at_another_models_address() -> None:
    members: dict[str, Any] = {
        "contents": [
            {"role": "user", "parts": [{"new_part": [1, {"y": None}]}]},
            {"role": "model", "parts": [{**CALL, "thoughtSignature": "CiQB"}]},
        ],
        "safety_settings": [],
        "x_unknown": 10**30,
    }
    request = gemini_request(**members)

    outgoing = NATIVE.encode(request, "gemini-3.8-flash")

    assert outgoing.body == request.body
    assert outgoing.path == "/models/gemini-3.8-flash:generateContent"
    assert outgoing.losses == ()


def test_a_stream_is_always_asked_for_as_events() -> None:
    for form in ("sse", "array"):
        outgoing = NATIVE.encode(gemini_request(stream=True, form=form), "gemini-3.8-flash")

        assert outgoing.path == "/models/gemini-3.8-flash:streamGenerateContent?alt=sse"


def test_a_model_in_the_body_is_set() -> None:
    outgoing = NATIVE.encode(gemini_request(model="models/smart"), "gemini-3.8-flash")

    assert json.loads(outgoing.body)["model"] == "models/gemini-3.8-flash"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-3.8-flash", "/models/gemini-3.8-flash:generateContent"),
        ("tunedModels/lakes", "/tunedModels/lakes:generateContent"),
        ("../secrets?x=1#", "/models/..%2Fsecrets%3Fx%3D1%23:generateContent"),
    ],
)
def test_a_models_name_stays_in_its_place_in_the_path(model: str, path: str) -> None:
    assert NATIVE.encode(gemini_request(), model).path == path


class TestSeals:
    """What this router put in the place of another vendor's signatures must not reach Google."""

    def parts(self, request: ChatRequest, model: str) -> tuple[list[Any], tuple[str, ...]]:
        outgoing = NATIVE.encode(request, model)
        return json.loads(outgoing.body)["contents"][1:], outgoing.losses

    @pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
    def test_another_vendors_thoughts_are_taken_out_and_its_calls_marked(self, name: str) -> None:
        sealed = seal("anthropic:", "EqQB")
        parts = [
            {"text": "Two lakes.", "thought": True, name: sealed},
            {"text": "", name: sealed},
            {"text": "Look:", name: sealed},
            {**CALL, name: seal("anthropic:", "")},
            {**CALL, name: "CiQB"},
        ]
        request = gemini_request(contents=[said("hi"), {"role": "model", "parts": parts}])

        kept, losses = self.parts(request, "gemini-3.8-flash")

        assert kept == [
            {
                "role": "model",
                "parts": [{"text": "Look:"}, {**CALL, name: MARK}, {**CALL, name: "CiQB"}],
            }
        ]
        assert losses == ("contents.1.parts.0", "contents.1.parts.1")

    def test_models_that_sign_nothing_get_no_mark(self) -> None:
        part = {**CALL, "thoughtSignature": seal("openai:", "")}
        request = gemini_request(contents=[said("hi"), {"role": "model", "parts": [part]}])

        assert self.parts(request, "gemini-2.5-flash") == (
            [{"role": "model", "parts": [CALL]}],
            (),
        )

    def test_a_content_of_which_nothing_is_left_goes(self) -> None:
        part = {"text": "", "thought": True, "thoughtSignature": seal("openai:", "x")}
        thought = {"role": "model", "parts": [part]}
        request = gemini_request(contents=[said("hi"), thought, said("And?")])

        kept, _ = self.parts(request, "gemini-3.8-flash")

        assert kept == [said("And?")]
