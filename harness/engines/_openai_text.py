"""Texts from a server: the body that asks for one, and the Response out of what comes back.

Example: {"message": {"content": "18", "reasoning": "3·6…"}, "finish_reason": "stop"} -> text "18", thinking "3·6…".
Trap: servers hand thinking back in one of two fields, or inside the text, or cut off inside the text without its
opening mark; and a count that the server doesn't give is None, never 0.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.engines._answering import SCHEMA_IGNORED, generated, sampling_seed
from harness.engines._asking import Asked
from harness.engines._openai_server import Answer, Refused, Server
from harness.records import Request, Response
from harness.text import cut_answer, split_thinking

NO_TOP_K = {"top_k": -1}  # or vLLM takes the one in the checkpoint's generation_config.json
STOPS = 4  # as many as every server takes; the others are applied here


def chat(request: Request, switch: str) -> dict[str, Any]:
    """The body of a chat. `switch`: the variable of the chat template that turns thinking on and off."""
    messages = [{"role": role, "content": content} for role, content in request.prompt.messages or ()]
    think = request.settings.think
    extra = {} if think == "default" else {"chat_template_kwargs": {switch: think == "on"}}
    return {"messages": messages, **extra}


def sampling(request: Request) -> dict[str, Any]:
    settings = request.settings
    body: dict[str, Any] = {"max_tokens": settings.max_tokens, "temperature": settings.temperature}
    if settings.temperature > 0:
        body |= {"top_p": settings.top_p, "seed": sampling_seed(request) % 2**31}
        body |= {"top_k": settings.top_k} if settings.top_k else {}
    stop = [term for term in settings.stop if term][:STOPS]
    return body | ({"stop": stop} if stop else {})


def sent(request: Request) -> str:
    """The prompt as it went over the wire; who templates it is the server."""
    if request.prompt.messages is None:
        return request.prompt.text or ""
    return json.dumps(
        [{"role": role, "content": content} for role, content in request.prompt.messages], ensure_ascii=False
    )


class Texts:
    """Asks one server for texts; `tokenizer` counts, and decodes what comes back as ids."""

    def __init__(self, server: Server, tokenizer: Any, switch: str) -> None:
        self._server, self._tokenizer, self._switch = server, tokenizer, switch
        # (API, name of an extra) -> does it take that? Unknown until asked once
        self._takes: dict[tuple[str, str], bool] = {}
        self._trying = asyncio.Lock()

    async def chat(self, request: Request, asked: Asked | None) -> Response:
        start = time.perf_counter()
        answer, notes = await self._ask("chat", chat(request, self._switch) | sampling(request), _optional(request))
        message = answer.choice.get("message")
        content = _content(message.get("content")) if isinstance(message, dict) else None
        reasoning = _reasoning(message) if isinstance(message, dict) else None
        refusal = message.get("refusal") if isinstance(message, dict) else None
        if content is None and reasoning is None:
            content = refusal if isinstance(refusal, str) else None
        if content is None and reasoning is None:
            raise Refused("the server answered a chat without a text")
        opened = asked is not None and asked.thinking_opened
        made = self._response(request, sent(request), content or "", reasoning, answer, opened, start)
        return _noted(made, notes)

    async def raw(self, request: Request, asked: Asked | None) -> Response:
        """A completion; with a tokenizer the prompt goes as ids, and ids are asked back."""
        start = time.perf_counter()
        body = sampling(request)
        if asked is None:
            body["prompt"] = request.prompt.text or ""
            answer, notes = await self._ask("completions", body, _optional(request))
        else:
            extras = _optional(request)
            extras["sampling"] = {"return_token_ids": True, **extras["sampling"]}
            answer, notes = await self._ask("completions", {"prompt": list(asked.ids), **body}, extras)
            ids = answer.choice.get("token_ids")
            if isinstance(ids, list) and ids and all(type(i) is int for i in ids):
                ended = _stop(answer) == "end"
                made = generated(asked, ids, self._tokenizer, ended, time.perf_counter() - start)
                return _noted(made, notes)
        text = answer.choice.get("text")
        if not isinstance(text, str):
            raise Refused("the server answered a completion without a text")
        opened = asked is not None and asked.thinking_opened
        made = self._response(request, asked.prompt if asked else sent(request), text, None, answer, opened, start)
        return _noted(made, notes)

    async def _ask(
        self, api: str, body: Mapping[str, Any], extras: Mapping[str, Mapping[str, Any]]
    ) -> tuple[Answer, tuple[str, ...]]:
        """With what is nice to have, unless the server refuses that; the answer, and notes on what went without.

        What isn't known yet is tried by one request at a time: thirty-two refusals at once look like a broken server.
        """
        named = [(api, name) for name, fields in extras.items() if fields]
        if not self._takes.keys() >= set(named):
            async with self._trying:
                if not self._takes.keys() >= set(named):  # else another has found out meanwhile
                    return await self._tried(api, body, extras)
        return await self._tried(api, body, extras)

    async def _tried(
        self, api: str, body: Mapping[str, Any], extras: Mapping[str, Mapping[str, Any]]
    ) -> tuple[Answer, tuple[str, ...]]:
        kept = [name for name, fields in extras.items() if fields and self._takes.get((api, name), True)]
        unsure = [name for name in kept if (api, name) not in self._takes]
        dropped = [name for name, fields in extras.items() if fields and name not in kept]
        denied = self._server.denied
        while True:
            more = {key: value for name in kept for key, value in extras[name].items()}
            try:
                answer = await self._server.ask(api, {**body, **more})
                break
            except Refused:
                if not unsure:  # it is the question
                    raise
                self._server.forgive(denied)
                dropped.append(unsure.pop())
                kept.remove(dropped[-1])
        self._takes |= {(api, name): name in kept for name in (*kept, *dropped)}
        return answer, (SCHEMA_IGNORED,) if "schema" in dropped else ()

    def _response(
        self,
        request: Request,
        prompt: str,
        text: str,
        reasoning: str | None,
        answer: Answer,
        opened: bool,
        start: float,
    ) -> Response:
        stop = _stop(answer)
        # a template may have opened the thinking: cut off, it has no mark in it
        split = split_thinking(text, opened=opened and reasoning is None and stop == "length")
        thinking = "\n".join(part for part in (reasoning or "", split.thinking) if part)
        return Response(
            request.run,
            request.sample,
            request.repeat,
            text=cut_answer(split.answer, request.settings.stop)[0],
            thinking=thinking,
            prompt=prompt,
            prompt_tokens=answer.tokens("prompt_tokens"),
            output_tokens=answer.tokens("completion_tokens"),
            thinking_tokens=self._thinking_tokens(thinking, answer),
            stop=stop,
            seconds=time.perf_counter() - start,
            notes=("content_filter",) if answer.choice.get("finish_reason") == "content_filter" else (),
        )

    def _thinking_tokens(self, thinking: str, answer: Answer) -> int | None:
        if not thinking:
            return 0
        said = answer.reasoning_tokens()
        if said or self._tokenizer is None:  # a server that doesn't count them may say 0
            return said or None
        return len(self._tokenizer(thinking, add_special_tokens=False, verbose=False)["input_ids"])


def _optional(request: Request) -> dict[str, Mapping[str, Any]]:
    """What not every server knows, by name; the last is the first that is given up."""
    no_top_k = NO_TOP_K if request.settings.temperature > 0 and not request.settings.top_k else {}
    return {"sampling": no_top_k, "schema": _held_to(request.prompt.schema)}


def _held_to(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """OpenAI's structured outputs, which vLLM, SGLang and llama.cpp take as well."""
    if schema is None:
        return {}
    named = {"name": "answer", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _noted(response: Response, notes: tuple[str, ...]) -> Response:
    return replace(response, notes=(*response.notes, *notes)) if notes else response


def _stop(answer: Answer) -> Any:
    return "length" if answer.choice.get("finish_reason") == "length" else "end"


def _content(value: Any) -> str | None:
    """Plain text, or the text parts of a list."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") in ("text", None)]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None


def _reasoning(message: Mapping[str, Any]) -> str | None:
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if isinstance(value, str) and value:
            return value.strip()
    return None
