"""One OpenAI-compatible server: asked through the official client, its troubles told apart and told in one sentence.

Example: `await Server(checkpoint, 600, 32).ask("completions", {"prompt": "1+1=", "max_tokens": 1})` -> the one choice.
Trap: an error that is stored counts as an answer for ever, so trouble that has nothing to do with the question (a dead
server, a wrong key, too many requests) stops the run; only what the server refuses, or keeps breaking at while others
are answered, becomes that question's error.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import openai

from harness.errors import EngineFailure, UserError
from harness.records import Checkpoint

KEYS = ("BENCH_API_KEY", "OPENAI_API_KEY")
RETRIES = 6  # with the client's back-off of 0.5 to 8 s: a server may be away for twenty seconds
BROKEN_RETRIES = 2  # of an answer that broke off or is no JSON
LONGEST_BYTES = 64 << 20  # of one answer
SECRET_LENGTH = 12  # "EMPTY" and "token" are no secrets, and are words that an answer may hold
LOCAL = ("localhost", "127.0.0.1", "::1")
MOST_TOKENS = 1 << 31  # a count beyond that is no count
DENIALS = 8  # in a row from the first question on: it is not the questions
LIMITS = ("max_tokens", "max_completion_tokens")  # of a chat; newer models of OpenAI take only the second
SMALL: Mapping[str, Mapping[str, Any]] = {
    "completions": {"prompt": "1+1=", "max_tokens": 1},
    "chat": {"messages": [{"role": "user", "content": "1+1="}], "max_tokens": 1},
}


class Refused(Exception):
    """The server says no to this one request, or keeps breaking at it; the text goes into Response.error."""


class Lacking(Exception):
    """The server has no such API."""


class Answer(NamedTuple):
    choice: Mapping[str, Any]  # the first one
    whole: Mapping[str, Any]

    def field(self, name: str) -> Any:
        """What vLLM puts into the choice of a completion, but beside the choices of a chat."""
        found = self.choice.get(name)
        return self.whole.get(name) if found is None else found

    def tokens(self, name: str) -> int | None:
        """A count of the usage, such as `prompt_tokens`; None where the server doesn't say."""
        usage = self.whole.get("usage")
        found = usage.get(name) if isinstance(usage, dict) else None
        return found if type(found) is int and 0 <= found < MOST_TOKENS else None

    def reasoning_tokens(self) -> int | None:
        usage = self.whole.get("usage")
        details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
        found = details.get("reasoning_tokens") if isinstance(details, dict) else None
        return found if type(found) is int and 0 <= found < MOST_TOKENS else None


class _Trouble(Exception):
    """Something went wrong, and it isn't known yet whether with the server or with this one question."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class _Broken(Exception):
    """An answer that can't be read; the text says why."""


class _Endless(_Broken):
    """An answer that doesn't end; asking again would only take as long again."""


class Server:
    """The connections to one served model. Used on one event loop, which has to be the one that ends it."""

    def __init__(self, checkpoint: Checkpoint, timeout: float, concurrency: int) -> None:
        self.url, self.model = checkpoint.parts["endpoint"], checkpoint.parts["model"]
        self.answered = False  # has any question ever been answered?
        self._timeout = timeout
        self._free = asyncio.Semaphore(concurrency)
        self.denied = 0  # refusals in a row before the first answer
        self._limit = LIMITS[0]
        self._key = next((key for name in KEYS if (key := os.environ.get(name, "").strip())), "")
        if not (self._key.isascii() and self._key.isprintable()):
            raise UserError(f"the key in {self._key_name()} holds signs that no key has; copy it again")
        self._secret = len(self._key) >= SECRET_LENGTH
        # without a key no header at all: some servers refuse one that they don't know
        self._headers = {} if self._key else {"Authorization": openai.omit}
        self._client = _client(self.url, self._key, timeout)

    async def ask(self, api: str, body: Mapping[str, Any]) -> Answer:
        """The first choice and what came with it; Refused, Lacking, or an error that ends the run."""
        async with self._free:
            try:
                answer = await self._once(api, body)
            except _Trouble as trouble:
                # whose trouble is it? A server that answers a small question may have it with this one
                if not await self.alive(api):
                    raise EngineFailure(f"{self.url} {trouble}; {trouble.remedy}: the same command resumes") from None
                try:
                    answer = await self._once(api, body)
                except _Trouble as again:
                    raise Refused(f"the server {again}") from None
        self.answered = True
        return answer

    async def _once(self, api: str, body: Mapping[str, Any]) -> Answer:
        try:
            return await self._within_limits(api, body)
        except (openai.APITimeoutError, TimeoutError):
            remedy = "try a larger --timeout or a smaller --concurrency"
            raise _Trouble(f"gave no answer within {self._timeout:g} s", remedy) from None
        except openai.APIStatusError as error:
            raise await self._status(api, error) from None
        except openai.APIConnectionError as error:
            raise _Trouble(f"can't be reached ({_reason(error)})", "see whether the server runs") from None
        except UnicodeError:  # half a pair of UTF-16 has no bytes to send
            raise Refused("the prompt holds a sign that can't be sent as UTF-8") from None
        except _Broken as error:
            raise _Trouble(str(error), "see whether it is an OpenAI-compatible server") from None

    def forgive(self, denied: int = 0) -> None:
        """What was refused was only asked to see what the server can; that is no sign that it refuses every question."""
        self.denied = denied

    async def alive(self, api: str) -> bool:
        """Does it answer a small question?"""
        try:
            async with asyncio.timeout(self._timeout):
                _answer(await self._body(api, SMALL[api]))
        except Exception:  # whatever it is, the server does not answer
            return False
        return True

    async def served(self) -> list[str]:
        """Names of the models on offer; empty where the server doesn't say."""
        try:
            async with asyncio.timeout(20):
                page = await self._client.with_options(max_retries=0, timeout=10).models.list(
                    extra_headers=self._headers
                )
                return [str(model.id) for model in page.data]
        except Exception:  # this only serves a better sentence
            return []

    async def close(self) -> None:
        await self._client.close()

    async def _within_limits(self, api: str, body: Mapping[str, Any]) -> Answer:
        async with asyncio.timeout(3 * self._timeout + 60):
            name = self._limit
            try:
                return await self._patiently(api, body)
            except openai.BadRequestError as error:
                if api != "chat" or name == LIMITS[1] or LIMITS[1] not in str(error.body):
                    raise
            self._limit = LIMITS[1]
            return await self._patiently(api, body)

    async def _patiently(self, api: str, body: Mapping[str, Any]) -> Answer:
        for attempt in range(BROKEN_RETRIES):
            try:
                return _answer(await self._body(api, body))
            except _Endless:
                raise
            except _Broken:
                await asyncio.sleep(0.5 * 2**attempt * random.uniform(0.75, 1))
        return _answer(await self._body(api, body))

    async def _body(self, api: str, body: Mapping[str, Any]) -> bytes:
        """The bytes of a successful answer; streamed, because a body without an end must not fill the memory."""
        chat = api == "chat"
        extra = {self._named(key, chat): value for key, value in body.items() if key not in ("prompt", "messages")}
        ask = (self._client.chat if chat else self._client).completions.with_streaming_response.create
        said = {"messages": body["messages"]} if chat else {"prompt": body["prompt"]}
        read = bytearray()
        async with ask(model=self.model, extra_body=extra, extra_headers=self._headers, **said) as response:
            try:
                async with asyncio.timeout(self._timeout):  # the client's own limit is between two bytes
                    async for chunk in response.iter_bytes():
                        read += chunk
                        if len(read) > LONGEST_BYTES:
                            raise _Endless(f"sent more than {LONGEST_BYTES >> 20} MiB for one question")
            except TimeoutError:
                raise _Endless(f"did not end its answer within {self._timeout:g} s") from None
            except _Broken:
                raise
            except Exception as error:  # whatever the HTTP library calls a connection that broke off
                raise _Broken(f"broke off an answer ({type(error).__name__})") from None
        # what a server repeats of its request's head must not get into a store
        return bytes(read.replace(self._key.encode(), b"") if self._secret else read)

    def _named(self, key: str, chat: bool) -> str:
        return self._limit if chat and key == LIMITS[0] else key

    async def _status(self, api: str, error: openai.APIStatusError) -> Exception:
        code, said = error.status_code, self._said(error)
        if code in (401, 403):
            names = " or ".join(KEYS)
            what = f"refuses the key in {self._key_name()}" if self._key else f"wants a key: put it into {names}"
            return UserError(f"{self.url} {what} (HTTP {code})" + ("; set the right one" if self._key else ""))
        if code == 429:
            remedy = "use a smaller --concurrency, or wait: the same command resumes"
            return EngineFailure(f"{self.url} takes no more requests (HTTP 429: {said}); {remedy}")
        if code in (404, 405, 501):
            return await self._absent(api, said)
        if code >= 500 or code in (408, 409):
            return _Trouble(f"answers HTTP {code} ({said})", "see its log")
        if not self.answered:
            self.denied += 1
            if self.denied >= DENIALS:
                remedy = "use --chat-template off" if "chat template" in said.lower() else "see what it wants"
                return EngineFailure(f"{self.url} refuses every question (HTTP {code}: {said}); {remedy}")
        return Refused(f"the server refuses the question (HTTP {code}): {said}")

    async def _absent(self, api: str, said: str) -> Exception:
        models = await self.served()
        if models and self.model not in models:
            listed = ", ".join(models[:20]) + (" …" if len(models) > 20 else "")
            return UserError(f"{self.url} serves no model '{self.model}'; use --served-model with one of: {listed}")
        if not models and "model" in said.lower():
            return UserError(f"{self.url} serves no model '{self.model}' ({said}); use another --served-model")
        return Lacking(api)

    def _said(self, error: openai.APIStatusError) -> str:
        """The server's own words, one short line, without the key should it repeat that."""
        body = error.body
        message = body.get("message") if isinstance(body, Mapping) else body
        text = " ".join(str(message or error.response.reason_phrase or "no reason given").split())
        return (text.replace(self._key, "…") if self._secret else text)[:300]

    def _key_name(self) -> str:
        return next((name for name in KEYS if os.environ.get(name, "").strip()), KEYS[0])


def _client(url: str, key: str, timeout: float) -> openai.AsyncOpenAI:
    # a proxy of the environment is not meant for a server on this machine
    http = openai.DefaultAsyncHttpxClient(trust_env=urlsplit(url).hostname not in LOCAL)
    return openai.AsyncOpenAI(
        api_key=key or "none",
        base_url=url,
        timeout=timeout,
        max_retries=RETRIES,
        http_client=http,
    )


def _answer(body: bytes) -> Answer:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        start = " ".join(body[:60].decode("utf-8", "replace").split())
        raise _Broken(f"answers with no JSON ('{start}')") from None
    if not isinstance(data, dict):
        raise _Broken("answers with JSON that is no object")
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = data.get("error")
        said = error.get("message") if isinstance(error, dict) else error
        raise _Broken(
            f"answers without choices ({' '.join(str(said).split())[:200]})" if said else "answers without choices"
        )
    return Answer(choices[0], data)


def _reason(error: BaseException) -> str:
    """The innermost cause: "Connection refused" and not "Connection error."."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
