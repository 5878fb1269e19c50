"""From a Request to token ids: the chat template, lm-eval's tokenisation rule, truncation from the left.

Example: the raw prompt "…答案：" with options ("A", "B") becomes context ids and one continuation of ids per option,
cut where `encode(context)` ends inside `encode(context + option)`.
Trap: lm-eval moves white space at the end of a context into the option, so after a chat template that ends in
"assistant\\n" the option scored is "\\nA"; we do the same or the numbers differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from harness.records import Request

WINDOW = 256  # requests pulled at a time: enough to find shared prefixes, little to lose


class Unaskable(Exception):
    """This one request cannot be asked; the text goes into Response.error."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the model gets it."""

    request: Request
    prompt: str  # as text, template applied
    ids: tuple[int, ...]  # context; already cut for a generation
    options: tuple[tuple[int, ...], ...] = ()  # continuation ids of each option
    dropped: int = 0  # tokens cut from the left
    end_removed: bool = False  # the tokenizer had put its end token after the prompt

    @property
    def notes(self) -> tuple[str, ...]:
        cut = (f"left_truncated:{self.dropped}",) if self.dropped else ()
        return (*cut, "eos_removed") if self.end_removed else cut

    @property
    def prompt_tokens(self) -> int:
        return len(self.ids) - (self.dropped if self.options else 0)

    @property
    def thinking_opened(self) -> bool:
        """Some templates end in `<think>`: the answer then starts inside the thinking."""
        return self.request.prompt.messages is not None and self.prompt.rstrip().endswith("<think>")


def windows(requests: Iterable[Request], size: int = WINDOW) -> Iterator[list[Request]]:
    """At most `size` requests of one checkpoint at a time, pulled only when the former ones are answered."""
    for _, stream in groupby(requests, key=lambda request: request.checkpoint):
        while window := list(islice(stream, size)):
            yield window


def ask(request: Request, tokenizer: Any, window: int) -> Asked:
    """Render, tokenise, truncate. `window`: tokens the model can read and write together."""
    text = _render(request, tokenizer)
    if request.prompt.options is not None:
        return _with_options(request, text, request.prompt.options, tokenizer, window)
    (ids,), ended = _encode([text], tokenizer, request.prompt.messages is not None, (tokenizer.bos_token,))
    room = window - request.settings.max_tokens
    if room < 1:
        raise Unaskable(
            f"max_tokens {request.settings.max_tokens} leave no room for a prompt in a window of {window} tokens;"
            " use a smaller --max-tokens N or a larger --max-model-len"
        )
    if not ids:
        ids = [_prefix_id(tokenizer)]
    return Asked(request, text, tuple(ids[-room:]), dropped=max(0, len(ids) - room), end_removed=ended)


def _with_options(request: Request, text: str, options: Sequence[str], tokenizer: Any, window: int) -> Asked:
    templated = request.prompt.messages is not None
    context = text.rstrip()
    moved = text[len(context) :]
    if context:
        marks = (tokenizer.decode([_prefix_id(tokenizer)]),)
        (ids, *whole), ended = _encode([context, *(context + moved + o for o in options)], tokenizer, templated, marks)
        endings = [w[len(ids) :] for w in whole]
    else:
        ids = [_prefix_id(tokenizer)]
        endings, ended = _encode([moved + o for o in options], tokenizer, True, ())
        # an option that brings the prefix token itself must not see it twice
        endings = [e[1:] if e[:1] == ids else e for e in endings]
    for option, ending in zip(options, endings, strict=True):
        if not ending:
            raise Unaskable(f"the option {option!r} adds no token to the prompt")
        if len(ending) > window:
            raise Unaskable(f"an option of {len(ending)} tokens does not fit into a window of {window}")
    # the last token of an option is only predicted, never read: one more fits than the window says
    longest = len(ids) + max(map(len, endings))
    return Asked(request, text, tuple(ids), tuple(map(tuple, endings)), max(0, longest - window - 1), ended)


def _render(request: Request, tokenizer: Any) -> str:
    prompt = request.prompt
    if prompt.messages is None:
        return prompt.text or ""
    template = tokenizer.chat_template
    if not template:
        raise Unaskable("this checkpoint has no chat template; use --chat-template off")
    templates = template.values() if isinstance(template, dict) else (template,)
    known = any("enable_thinking" in t for t in templates)
    extra = {"enable_thinking": request.settings.think == "on"} if known and request.settings.think != "default" else {}
    messages = [{"role": role, "content": content} for role, content in prompt.messages]
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **extra))
    except Exception as error:  # jinja raises whatever the template's author chose, TemplateError mostly
        raise Unaskable(f"the chat template refuses these messages: {first_line(error)}") from error


def _encode(
    texts: list[str], tokenizer: Any, templated: bool, marks: Sequence[str | None]
) -> tuple[list[list[int]], bool]:
    """Special tokens as the tokenizer's own default, except where the text brings them, and no end after a prompt.

    Was an end token removed? After one the text is over: what a model says then has nothing to do with the question.
    """
    written = templated or any(mark and texts[0].startswith(mark) for mark in marks)
    extra = {"add_special_tokens": False} if written else {}
    encoded: list[list[int]] = tokenizer(texts, verbose=False, **extra)["input_ids"]
    end = tokenizer.eos_token_id
    ended = [
        not written and len(ids) > 1 and ids[-1] == end and not text.endswith(tokenizer.eos_token)
        for text, ids in zip(texts, encoded, strict=True)
    ]
    return [ids[:-1] if over else ids for ids, over in zip(encoded, ended, strict=True)], any(ended)


def _prefix_id(tokenizer: Any) -> int:
    """What an empty prompt is replaced by: the beginning-of-text token, or the end-of-text one."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise Unaskable("the prompt is empty and the tokenizer has no token to begin with")


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    # "Error(s) in loading state_dict for X:" says nothing without the line that follows
    return " ".join((lines[0], lines[1].strip())) if lines[0].endswith(":") and lines[1:] else lines[0].rstrip(":")
