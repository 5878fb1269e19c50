"""Rows as token ids: the prompt exactly as `bench run` asks it, then the reply and the marks that end a turn.

Example: ids of "<|im_start|>user\\n3+5=?<|im_end|>\\n<|im_start|>assistant\\n" + those of "8" + that of "<|im_end|>".
Traps: a whole conversation rendered at once is another text than the prompt that is asked (Qwen3 puts an empty <think>
into it, and takes older ones out), so the prompt is rendered by itself, by the engines' own code; and a tokenizer that
knows pieces like "▁8" writes a reply differently behind a prompt than alone, which is tried before one is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

from harness.checkpoints.template import MARK, QUESTION, TURNS
from harness.engines._asking import Asked, Refused, ask_all
from harness.engines._encoding import encode
from harness.errors import UserError
from harness.records import Prompt, Request, Settings
from harness.text import is_thinking_mark, opens_thinking, split_thinking
from trainers._data_count import Ledger
from trainers.recipe import Clean
from trainers.rows import Example, Row

BATCH = 2_000  # rows tokenised together
ENDLESS = 1 << 40  # tokens: our own limit drops rows, the asking must not
CHARACTERS = 128  # a token has fewer, but for endless spaces: longer rows needn't be tokenised to be too long
PROBES = ("8", "A", "好的", "Yes, it is.", "- 1")
SETTINGS = Settings(chat=True, max_tokens=1)
_MARKS = re.compile(r"<[^<>]{1,24}>|\[[A-Z/]{1,24}\]|◁[^◁▷]{1,24}▷")
REWRITTEN = "rewritten by the template"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply stands between the prompt and what follows it, for one tokenizer."""

    lead: str  # what the template has the assistant write first: gpt-oss's <|channel|>final<|message|>
    lead_ids: tuple[int, ...]
    before: str  # white space that the template writes between prompt and reply
    after: tuple[int, ...]  # end of turn and end of text
    joined: bool  # a reply's ids depend on the prompt before it
    chat: bool  # there is a template
    thinks: bool = False  # which opens the thinking before each answer


def ending(tokenizer: Any) -> Ending:
    """Looked up once: what the template writes around an answer; UserError where nothing would ever end one."""
    eos = tokenizer.eos_token_id
    if eos is None:
        raise UserError(
            "the parent's tokenizer has no eos token, so no answer would ever end; set eos_token in its files"
        )
    if not tokenizer.chat_template:
        return Ending("", (), "", (eos,), joined=True, chat=False)
    try:
        prompt = str(tokenizer.apply_chat_template(list(QUESTION), tokenize=False, add_generation_prompt=True))
    except Exception as error:  # a template raises whatever its author chose
        raise UserError(
            f"the parent's chat template can't be rendered: {error}; give another with template = FILE"
        ) from None
    try:
        whole = str(tokenizer.apply_chat_template(list(TURNS), tokenize=False))
    except Exception:  # some want another conversation than this; the end of text still ends it
        whole = ""
    head, _, after = whole.rpartition(MARK) if MARK in whole else ("", "", "")
    between = head[len(prompt) :] if head.startswith(prompt) else ""
    lead, before = ("", between) if not between.strip() else (between, "")
    if any(is_thinking_mark(word) for word in _MARKS.findall(lead)):
        lead = ""  # an empty <think> is nothing to learn, nor is it asked
    lead_ids, after_ids = ([] if not text else encode([text], False, tokenizer)[0] for text in (lead, after.strip()))
    after_ids = after_ids[: after_ids.index(eos)] if eos in after_ids else after_ids
    return Ending(
        lead, tuple(lead_ids), before, (*after_ids, eos), _joins(prompt + lead, before, tokenizer), chat=True,
        thinks=opens_thinking(prompt),
    )  # fmt: skip


def _joins(prompt: str, before: str, tokenizer: Any) -> bool:
    alone = encode([before + probe for probe in PROBES], False, tokenizer)
    base, *behind = encode([prompt, *(prompt + before + probe for probe in PROBES)], False, tokenizer)
    return any(ids[: len(base)] != base or ids[len(base) :] != own for ids, own in zip(behind, alone, strict=True))


class Tokens:
    """Makes examples of rows; what can't be one is dropped into its source's ledger."""

    def __init__(
        self, tokenizer: Any, rules: Clean, ledgers: Mapping[str, Ledger], tasks: Collection[str] = ()
    ) -> None:
        """`tasks`: names of the sources whose rows can be asked without a chat template."""
        self._tokenizer, self._rules, self._ledgers, self._tasks = tokenizer, rules, ledgers, tasks
        self.ending = ending(tokenizer)
        window = getattr(tokenizer, "model_max_length", None) or ENDLESS
        self._most = min(rules.max_tokens, window)
        self._marks = _marks(tokenizer) | frozenset(self.ending.after)
        # the same few thousand numbers stand in every row: one object each, or a row of 300 tokens takes 12 kB
        self._numbers = list(range(max([len(tokenizer), *(i + 1 for i in self._marks)])))

    def examples(self, rows: Sequence[Row]) -> Iterator[Example]:
        """In order, without the rows that are too long, too short, or refused by the template."""
        waiting = iter(self._readable(rows))
        while batch := list(islice(waiting, BATCH)):
            yield from self._batch(batch)

    def _readable(self, rows: Sequence[Row]) -> Iterator[Row]:
        for row in rows:
            if len(row.reply) + sum(len(turn["content"]) for turn in row.messages) > CHARACTERS * self._most:
                self._drop("too long", row)
            elif not self.ending.chat and row.source not in self._tasks:
                raise UserError(
                    f"{row.source}: the parent has no chat template, and rows of a file are learnt as chats; give the recipe "
                    "one (template = FILE)"
                )
            else:
                yield row

    def _batch(self, rows: Sequence[Row]) -> Iterator[Example]:
        drafts = [self._draft(row) for row in rows]
        asked = ask_all([request for request, _ in drafts], self._tokenizer, ENDLESS)
        wanted: list[tuple[Row, Asked, str]] = []
        for row, (_, reply), found in zip(rows, drafts, asked, strict=True):
            if isinstance(found, Refused):
                self._drop("refused by the template", row, found.why)
                continue
            if self.ending.thinks and reply:
                reply = _opened(reply)
                if not split_thinking(reply, opened=True).closed:
                    self._drop("opened thinking", row)
                    continue
            if self.ending.chat and any(turn["content"].strip() not in found.prompt for turn in row.messages):
                self._ledgers[row.source].notice(REWRITTEN, row.number, row.messages[-1]["content"])
            wanted.append((row, found, reply))
        replies = self._replies([(found, reply) for _, found, reply in wanted])
        for (row, found, _), ids in zip(wanted, replies, strict=True):
            if made := self._example(row, found.ids, ids):
                yield made

    def _draft(self, row: Row) -> tuple[Request, str]:
        if self.ending.chat:
            messages = tuple((turn["role"], turn["content"]) for turn in row.messages)
            return Request("", "", "", 0, Prompt("", messages=messages), SETTINGS), row.reply
        from trainers import questions  # only for tasks and for parents without a template

        text, reply = questions.raw(row)
        return Request("", "", "", 0, Prompt("", text=text), SETTINGS), reply if row.reply else ""

    def _replies(self, wanted: Sequence[tuple[Asked, str]]) -> Iterator[list[int]]:
        texts = [self.ending.before + reply if reply else "" for _, reply in wanted]
        if not self.ending.joined:
            yield from _bare(texts, self._tokenizer)
            return
        alone = _bare(texts, self._tokenizer)
        starts = [asked.prompt + self.ending.lead for asked, _ in wanted]
        bare = encode(starts, False, self._tokenizer)
        behind = encode([start + text for start, text in zip(starts, texts, strict=True)], False, self._tokenizer)
        for base, whole, own in zip(bare, behind, alone, strict=True):
            yield whole[len(base) :] if whole[: len(base)] == base else own

    def _example(self, row: Row, prompt: tuple[int, ...], reply: list[int]) -> Example | None:
        learnt = [*self.ending.lead_ids, *reply, *self.ending.after] if reply else []
        ids = [*prompt, *learnt]
        if len(ids) > self._most:
            self._drop("too long", row)
        elif reply and len(reply) < self._rules.min_tokens:
            self._drop("too short", row)
        elif not self._marks.isdisjoint(reply):
            self._drop("a special token inside", row, row.reply)
        else:
            shared = itemgetter(*ids)(self._numbers) if len(ids) > 1 else tuple(ids)
            return Example(shared, len(prompt), row)
        return None

    def _drop(self, reason: str, row: Row, text: str | None = None) -> None:
        self._ledgers[row.source].drop(reason, row.number, row.messages[-1]["content"] if text is None else text)


def _bare(texts: Sequence[str], tokenizer: Any) -> list[list[int]]:
    """Ids alone: replies are seldom alike, so none is looked up, and masks of them are a tenth of the time."""
    if not texts:
        return []
    found = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)
    ids: list[list[int]] = found["input_ids"]
    return ids


def _marks(tokenizer: Any) -> frozenset[int]:
    """Tokens that no reply holds inside: an end of turn, a beginning of the next. One for unknown text is none of them."""
    found = set(tokenizer.all_special_ids)
    added = getattr(tokenizer, "added_tokens_decoder", {})
    found |= {number for number, token in added.items() if token.special and not is_thinking_mark(token.content)}
    return frozenset(found - {getattr(tokenizer, "unk_token_id", None)})


def _opened(reply: str) -> str:
    """Without the mark that the template has written already."""
    found = re.match(r"\s*(\S{1,24}?[>\]▷])\s*", reply)
    return reply[found.end() :] if found and is_thinking_mark(found[1]) and opens_thinking(found[1]) else reply
