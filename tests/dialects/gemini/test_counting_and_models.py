"""``:countTokens`` and the list of models."""

from __future__ import annotations

import json

import pytest

from llmrouter.core.errors import InvalidRequest
from llmrouter.dialects.gemini.dialect import GeminiDialect
from llmrouter.dialects.gemini.models import model_document, models_document
from tests.dialects.gemini.speaking import address, said

DIALECT = GeminiDialect().at(address("countTokens"))
WHOLE = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [said("hi")]}


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_a_count_is_asked_for_contents_or_for_a_whole_request(name: str) -> None:
    plain = DIALECT.parse_count(json.dumps({"contents": [said("hi")]}).encode())
    wrapped = DIALECT.parse_count(json.dumps({name: {**WHOLE, "model": "models/smart"}}).encode())

    assert [turn.text for turn in plain.turns] == ["hi"]
    assert [turn.text for turn in wrapped.turns] == ["Be brief.", "hi"]
    assert (plain.model, wrapped.model) == ("smart", "smart")


def test_a_wrapped_request_must_be_an_object() -> None:
    with pytest.raises(InvalidRequest):
        DIALECT.parse_count(b'{"generateContentRequest": 1}')


def test_google_is_asked_to_count_what_the_client_sent() -> None:
    plain = DIALECT.parse_count(json.dumps({"contents": [said("hi")]}).encode())
    whole = DIALECT.parse_count(json.dumps({"generateContentRequest": WHOLE}).encode())

    asked, asked_whole = (DIALECT.encode_count(r, "gemini-3.8-flash") for r in (plain, whole))

    assert asked.path == asked_whole.path == "/models/gemini-3.8-flash:countTokens"
    assert json.loads(asked.body) == {"contents": [said("hi")]}
    assert json.loads(asked_whole.body) == {
        "generateContentRequest": {**WHOLE, "model": "models/gemini-3.8-flash"}
    }


@pytest.mark.parametrize(
    ("body", "count"), [(b'{"totalTokens": 7}', 7), (b"{}", None), (b"<", None), (b"[]", None)]
)
def test_googles_count_is_read(body: bytes, count: int | None) -> None:
    assert DIALECT.read_count(body) == count


def test_a_count_is_told_as_google_does() -> None:
    assert DIALECT.read_count(DIALECT.count_body(12)) == 12


def test_models_are_told_by_their_names_a_page_at_a_time() -> None:
    models = [model_document(name) for name in ("auto", "code", "openrouter/z-ai/glm-5")]

    first = models_document(models, page_size=2)
    second = models_document(models, page_size=2, page_token=first["nextPageToken"])

    assert [model["name"] for model in first["models"]] == ["models/auto", "models/code"]
    assert second == {"models": [models[2]]}
    assert models_document(models) == {"models": models}
    assert models_document(models, page_token="junk") == {"models": models}


def test_limits_are_told_where_they_are_known() -> None:
    model = model_document("auto", input_token_limit=1000)

    assert model["inputTokenLimit"] == 1000
    assert "outputTokenLimit" not in model
    assert "generateContent" in model["supportedGenerationMethods"]
