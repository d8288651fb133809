"""Which dialects there are, and which codec joins two of them.

A dialect is added with its folder, its folder of fixtures, and a line in each table here.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.routing import DialectName
from llmrouter.dialects.anthropic.dialect import AnthropicDialect
from llmrouter.dialects.anthropic.interpreter import AnthropicInterpreter
from llmrouter.dialects.anthropic.native import NativeCodec as AnthropicCodec
from llmrouter.dialects.gemini.dialect import GeminiDialect
from llmrouter.dialects.gemini.interpreter import GeminiInterpreter
from llmrouter.dialects.gemini.native import NativeCodec as GeminiCodec
from llmrouter.dialects.interpreter import Interpreter
from llmrouter.dialects.ollama.dialect import OllamaDialect
from llmrouter.dialects.ollama.interpreter import OllamaInterpreter
from llmrouter.dialects.ollama.native import NativeCodec as OllamaCodec
from llmrouter.dialects.openai.dialect import OpenAICodec, OpenAIDialect
from llmrouter.dialects.openai.interpreter import OpenAIInterpreter
from llmrouter.dialects.responses.dialect import ResponsesDialect
from llmrouter.dialects.responses.interpreter import ResponsesInterpreter
from llmrouter.dialects.responses.native import NativeCodec as ResponsesCodec
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import Codec, Dialect

DIALECTS: Mapping[DialectName, Dialect] = {
    "openai": OpenAIDialect(),
    "anthropic": AnthropicDialect(),
    "responses": ResponsesDialect(),
    "gemini": GeminiDialect(),
    "ollama": OllamaDialect(),
}
"""Every dialect that a client or a provider may speak, by its code."""

_NATIVE: Mapping[DialectName, Codec] = {
    "openai": OpenAICodec(),
    "anthropic": AnthropicCodec(),
    "responses": ResponsesCodec(),
    "gemini": GeminiCodec(),
    "ollama": OllamaCodec(),
}
"""Where client and provider speak the same: bytes pass."""

INTERPRETERS: Mapping[DialectName, Interpreter] = {
    "openai": OpenAIInterpreter(),
    "anthropic": AnthropicInterpreter(),
    "responses": ResponsesInterpreter(),
    "gemini": GeminiInterpreter(),
    "ollama": OllamaInterpreter(),
}
"""What each dialect contributes to translation."""

_CODECS: Mapping[tuple[DialectName, DialectName], Codec] = {
    (client, provider): (
        _NATIVE[client]
        if client == provider
        else TranslatingCodec(INTERPRETERS[client], INTERPRETERS[provider])
    )
    for client in DIALECTS
    for provider in DIALECTS
}


def codec(client: DialectName, upstream: DialectName) -> Codec:
    """The codec from a client's dialect to a provider's."""
    return _CODECS[client, upstream]
