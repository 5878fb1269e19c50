"""The vllm engine, for real on a CPU, against the hf engine and transformers: one engine for all these tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tinies import (
    HEAD,
    LETTERS,
    OFTEN,
    SHOT,
    STEMS,
    TEXTS,
    adapter,
    assert_same_options,
    by_sample,
    full,
    letters,
    reference,
    requests,
    texts,
    without_weight,
    written,
)

from harness import engines
from harness.errors import UserError
from harness.records import Prompt, Request, Settings

pytestmark = pytest.mark.engine

BLOCK_TOKENS = 32  # of the KV cache on a CPU


def many(n: int) -> list[Prompt]:
    return [Prompt(f"n{i}", SHOT * (i % 3) + f"{i}. " + STEMS[i % len(STEMS)]) for i in range(n)]


def test_options_equal_full_forward_passes(vllm_engine: Any, tiny_checkpoint: Path) -> None:
    prompts = letters() + texts() + [Prompt("chatlike", SHOT + "assistant\n", options=LETTERS)]
    found = by_sample(vllm_engine.answer(requests(prompts)))
    model, tokenizer = reference(tiny_checkpoint)
    assert len(found) == len(prompts)
    for prompt in prompts:
        assert_same_options(found[prompt.sample, 0], model, tokenizer, prompt)


def test_greedy_text_equals_the_hf_engine(vllm_engine: Any, tiny_checkpoint: Path, start: Any) -> None:
    asked = requests(many(30), Settings(max_tokens=24, stop=("\n\n", "光")))
    ours = by_sample(vllm_engine.answer(asked))
    theirs = by_sample(start(full(tiny_checkpoint)).answer(asked))
    fields = ("text", "stop", "prompt", "prompt_tokens", "notes")
    for key, response in theirs.items():
        assert [getattr(ours[key], f) for f in fields] == [getattr(response, f) for f in fields]
    assert {r.stop for r in ours.values()} == {"end", "length"}, "both ways to stop should be seen"


def test_templates_and_sampling(vllm_engine: Any) -> None:
    chat = Prompt("c", messages=(("user", "发热怎么办？"),))
    (response,) = vllm_engine.answer(requests([chat], Settings(chat=True, max_tokens=8, think="off")))
    assert (response.prompt or "").endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    drawn = Settings(temperature=0.9, top_p=0.9, max_tokens=12)
    first, second = (by_sample(vllm_engine.answer(requests(written(), drawn, repeats=2))) for _ in range(2))
    assert {k: r.text for k, r in first.items()} == {k: r.text for k, r in second.items()}
    assert first["g0", 0].text != first["g0", 1].text


def test_a_stop_string_ends_the_answer_and_not_the_thinking(vllm_engine: Any, thinker: Path, start: Any) -> None:
    stop = ("\n\n", "Question:")
    asked = [
        *requests([Prompt("raw", "1 + 17 =")], Settings(max_tokens=60, stop=stop), "t"),
        *requests(
            [Prompt(q, messages=(("user", q),)) for q in ("one", "two")],
            Settings(chat=True, max_tokens=60, stop=stop),
            "t",
        ),
    ]
    ours = by_sample(vllm_engine.answer(asked))
    theirs = by_sample(start(full(thinker, "t")).answer(asked))
    fields = ("thinking", "text", "stop", "thinking_tokens")
    for key, response in theirs.items():
        assert [getattr(ours[key], f) for f in fields] == [getattr(response, f) for f in fields]
    assert (ours["raw", 0].thinking, ours["raw", 0].text) == ("3\n\nQuestion: 4", "18")
    assert ours["raw", 0].notes == ("asked_again:stop string while thinking",)
    assert (ours["two", 0].text, ours["two", 0].stop) == ("", "end")


def test_long_prompts_are_sampled_with_their_own_seeds(vllm_engine: Any) -> None:
    """Together they are more than vLLM takes in a step; a prompt cut in two would have to take its seed back."""
    prompts = [Prompt(f"p{i}", f"{i}. " + SHOT * (2 + i % 14) + STEMS[i % len(STEMS)]) for i in range(64)]
    drawn = Settings(temperature=0.8, max_tokens=16, seed=5)
    first = by_sample(vllm_engine.answer(requests(prompts, drawn)))
    again = by_sample(vllm_engine.answer(requests(prompts[::-1], drawn)))
    assert sum(r.prompt_tokens or 0 for r in first.values()) > 2 * 4096
    assert {k: r.text for k, r in first.items()} == {k: r.text for k, r in again.items()}
    other = by_sample(vllm_engine.answer(requests(prompts[:5], Settings(temperature=0.8, max_tokens=16, seed=6))))
    assert all(first[k].text != r.text for k, r in other.items())


def test_a_warm_cache_that_ends_at_a_block_reads_no_garbage(vllm_engine: Any, tiny_checkpoint: Path) -> None:
    """Contexts of whole blocks: the cache hit swallows the row that scores an option's first token."""
    model, tokenizer = reference(tiny_checkpoint)
    prompts = []
    for blocks in (1, 2, 3):
        ids = tokenizer((HEAD + SHOT) * 8)["input_ids"]
        for n in range(blocks * BLOCK_TOKENS, len(ids)):
            text = tokenizer.decode(ids[n - blocks * BLOCK_TOKENS : n])
            if len(tokenizer(text)["input_ids"]) == blocks * BLOCK_TOKENS and text == text.rstrip():
                prompts.append(Prompt(f"b{blocks}", text, options=TEXTS))
                break
    assert len(prompts) == 3, "no context of whole blocks was found"
    for _ in range(2):  # the second time the cache is warm
        found = by_sample(vllm_engine.answer(requests(prompts)))
    for prompt in prompts:
        assert_same_options(found[prompt.sample, 0], model, tokenizer, prompt)
        assert found[prompt.sample, 0].notes == (f"tokens_apart:{len(TEXTS)}",)


def test_a_warm_cache_that_reaches_into_an_option_is_not_read(vllm_engine: Any, tiny_checkpoint: Path) -> None:
    """Asked before, an option longer than a block lies in the cache itself."""
    prompt = Prompt("o", HEAD + STEMS[0], options=(TEXTS[0], SHOT + SHOT))
    for _ in range(2):
        found = by_sample(vllm_engine.answer(requests([prompt])))
    assert_same_options(found["o", 0], *reference(tiny_checkpoint), prompt)
    assert "uncached:1" in found["o", 0].notes


def test_an_older_release_gives_the_same_answers_and_says_so(vllm_engine: Any, tiny_checkpoint: Path) -> None:
    """Neither of the two switches: letters are options like any other, and the cache is not read."""
    from harness.engines import _vllm_answers

    prompts = letters() + texts()
    model, tokenizer = reference(tiny_checkpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_vllm_answers, "CHOOSES_IDS", False)
        patch.setattr(_vllm_answers, "READS_CACHE", False)
        for _ in range(2):  # the second time the cache would be warm
            found = by_sample(vllm_engine.answer(requests(prompts)))
    for prompt in prompts:
        assert_same_options(found[prompt.sample, 0], model, tokenizer, prompt)
        assert found[prompt.sample, 0].notes == ("plain:no logprob_token_ids", "plain:no skip_reading_prefix_cache")


def test_requests_are_pulled_as_answers_leave(vllm_engine: Any) -> None:
    pulled = 0

    def source() -> Iterator[Request]:
        nonlocal pulled
        for request in requests([Prompt(f"q{i}", f"{i} + 1 = ", options=LETTERS) for i in range(2500)]):
            pulled += 1
            yield request

    most = 0
    for number, _ in enumerate(vllm_engine.answer(source())):
        most = max(most, pulled - number)
    assert number == 2499 and most < 1200, "an engine that holds 256 at once has no use for more than some of them"


def test_answers_nobody_waits_for_are_given_up(vllm_engine: Any) -> None:
    answers = vllm_engine.answer(requests(many(300), Settings(max_tokens=8)))
    for _ in range(3):
        next(answers)
    answers.close()
    found = by_sample(vllm_engine.answer(requests(letters())))
    assert {sample for sample, _ in found} == {p.sample for p in letters()}


def test_one_impossible_request_is_an_error_of_its_own(vllm_engine: Any) -> None:
    hot = requests([Prompt("hot", "1")], Settings(temperature=3.0, max_tokens=2))
    found = by_sample(vllm_engine.answer(hot + requests(many(2), Settings(max_tokens=2))))
    assert found["hot", 0].stop == "error" and "temperature" in (found["hot", 0].error or "")
    assert len(found) == 3 and all(r.error is None for (sample, _), r in found.items() if sample != "hot")


def test_an_answer_is_held_to_its_schema(vllm_engine: Any) -> None:
    """Random weights write JSON of that form, though they may never come to its end: white space is free in JSON."""
    step = {"type": "integer", "enum": [-1, 0, 1]}
    name = "first_wrong_step"
    schema = {"type": "object", "properties": {name: step}, "required": [name], "additionalProperties": False}
    held = [Prompt(f"s{i}", f"verdict {i}: ", schema=schema) for i in range(8)]
    free, odd = Prompt("free", "verdict: "), Prompt("odd", "verdict 0: ", schema={"type": "nonsense"})
    found = by_sample(vllm_engine.answer(requests([*held, free, odd], Settings(max_tokens=80))))
    texts_ = [found[p.sample, 0].text for p in held]
    assert all(text.startswith("{") for text in texts_) and not found["free", 0].text.startswith("{")
    ended = [found[p.sample, 0].text for p in held if found[p.sample, 0].stop == "end"]
    assert ended and all(json.loads(text)[name] in (-1, 0, 1) for text in ended)
    assert not any(found[p.sample, 0].notes for p in held)
    assert found["odd", 0].stop == "error" and "nonsense" in (found["odd", 0].error or "")


def test_other_weights_and_a_merged_adapter_are_served_by_the_same_engine(
    vllm_engine: Any, tiny_checkpoint: Path, tiny_other: Path, tiny_adapter: Path, start: Any
) -> None:
    """Without a reset of the prefix cache the second model would answer with the first one's keys and values."""
    models = {
        "m": reference(tiny_checkpoint),
        "o": reference(tiny_other),
        "a": reference(tiny_checkpoint, tiny_adapter),
    }
    prompts = letters(shots=8) + texts()
    for name in ("m", "o", "a", "m"):
        found = by_sample(vllm_engine.answer(requests(prompts, model=name)))
        for prompt in prompts:
            assert_same_options(found[prompt.sample, 0], *models[name], prompt)
    hf = start(full(tiny_other, "o", stop_ids=OFTEN), adapter(tiny_adapter, tiny_checkpoint))
    for name in ("o", "a"):
        asked = requests(many(6), Settings(max_tokens=16), model=name)
        ours, theirs = by_sample(vllm_engine.answer(asked)), by_sample(hf.answer(asked))
        said = [{k: (r.text, r.stop, r.output_tokens) for k, r in side.items()} for side in (ours, theirs)]
        assert said[0] == said[1]
        assert {r.stop for r in ours.values()} >= ({"end"} if name == "o" else {"length"})
        assert {r.notes for r in ours.values()} == {("served:merged",) if name == "a" else ()}


def test_what_does_not_fit_is_an_error_and_the_rest_is_answered(vllm_engine: Any) -> None:
    """The engine of these tests was told to cut long prompts from the left."""
    asked = requests([Prompt("room", "光")], Settings(max_tokens=5000)) + requests(letters()[:1])
    asked += requests([Prompt("cut", SHOT * 200, options=LETTERS), Prompt("cut2", SHOT * 200, options=TEXTS)])
    found = by_sample(vllm_engine.answer(asked))
    assert found["room", 0].stop == "error" and "max_tokens" in (found["room", 0].error or "")
    assert found["s0", 0].logprobs is not None
    for name in ("cut", "cut2"):
        assert found[name, 0].notes[0].startswith("left_truncated:") and found[name, 0].logprobs is not None
        assert (found[name, 0].prompt_tokens or 0) + max(found[name, 0].option_tokens or ()) == 4095


def test_a_text_longer_than_the_window_is_scored_in_parts(vllm_engine: Any, tiny_checkpoint: Path) -> None:
    model, tokenizer = reference(tiny_checkpoint)
    text = "小明有三个苹果，又买了五个。One and two add up to three. " * 300
    (response,) = vllm_engine.answer(requests([Prompt("whole", "", options=(text,))]))
    ids, size = tokenizer(text)["input_ids"], 4096 - 2  # one token stands before a part, and vLLM adds one
    assert len(ids) > size
    expected = 0.0
    for begin in range(0, len(ids), size):
        part = ids[begin : begin + size]
        before = ids[max(0, begin + len(part) - size - 1) : begin] or [tokenizer.eos_token_id]
        with torch.inference_mode():
            logits = model(torch.tensor([before + part])).logits[0, len(before) - 1 : -1].log_softmax(-1)
        expected += float(logits[range(len(part)), part].sum())
    assert response.logprobs == pytest.approx((expected,), rel=1e-5)
    assert response.option_tokens == (len(ids),)


def test_auto_takes_hf_without_a_gpu(tiny_checkpoint: Path) -> None:
    info = engines.describe("auto", [full(tiny_checkpoint)], {"device": "cpu"})
    assert (info.name, info.dtype, info.device) == ("hf", "float32", "cpu")
    with pytest.raises(UserError, match="engine options"):
        engines.describe("vllm", [full(tiny_checkpoint)], {"gpu_memory": 0.5})


def test_weights_that_are_missing_are_never_replaced_by_chance(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """vLLM itself starts on such a folder and answers from whatever was in memory."""
    pytest.importorskip("vllm")
    checkpoint = full(without_weight(tiny_checkpoint, tmp_path / "holed"))
    engine = engines.load(engines.describe("vllm", [checkpoint], {"device": "cpu"}), [checkpoint], {"device": "cpu"})
    with pytest.raises(UserError, match="lacks 1 weights"):
        list(engine.answer(requests(letters())))
