"""What every test may use: the real data where it is, and tiny real checkpoints made once per session."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.records import Checkpoint

sys.path.insert(0, str(Path(__file__).parent))  # for tinies; importlib mode adds nothing
os.environ["BENCH_LANG"] = "en"  # what is printed is held against English, whatever the machine speaks
# a shell's background job ignores Ctrl-C, and so would every process that the tests start and interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real questions and outputs; BENCH_TEST_DATA, else shared/data beside the checkout."""
    folder = Path(os.environ.get("BENCH_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real data is not here; set BENCH_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a randomly initialised Qwen2-shape checkpoint; call it with a seed and, if wanted, texts to train on."""
    folder = tmp_path_factory.mktemp("tinies")

    def make(name: str, **how: Any) -> Path:
        from tinies import write_checkpoint

        return write_checkpoint(folder / name, **how)

    return make


@pytest.fixture(scope="session")
def tiny_checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    """A few hundred thousand random float32 weights with a ChatML template; 4,096 tokens of context."""
    return make_checkpoint("tiny")


@pytest.fixture(scope="session")
def tiny_other(make_checkpoint: Callable[..., Path]) -> Path:
    """The same architecture and tokenizer, other weights."""
    return make_checkpoint("other", seed=1)


@pytest.fixture(scope="session")
def thinker(make_checkpoint: Callable[..., Path]) -> Path:
    """tiny_checkpoint after it has learnt four replies by heart, three of them with thinking."""
    from tinies import write_thinker

    return write_thinker(make_checkpoint("thinker"))


@pytest.fixture(scope="session")
def tiny_adapter(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on tiny_checkpoint that really changes it: its B matrices are not zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapters") / "adapter"
    torch.manual_seed(2)
    base = AutoModelForCausalLM.from_pretrained(tiny_checkpoint, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(base, config).save_pretrained(folder)
    return folder


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    """Starts an hf engine for these checkpoints; all are closed at the end of the test."""
    from harness import engines

    opened: list[Any] = []

    def start(*checkpoints: Checkpoint, **options: Any) -> Any:
        opened.append(engines.load(engines.describe("hf", checkpoints, options), checkpoints, options))
        return opened[-1]

    yield start
    for engine in opened:
        engine.close()


@pytest.fixture(scope="session")
def vllm_engine(tiny_checkpoint: Path, tiny_other: Path, tiny_adapter: Path, thinker: Path) -> Iterator[Any]:
    """The one vLLM engine of a test session, for the checkpoints m, o, a and t; a start takes half a minute."""
    pytest.importorskip("vllm")
    from tinies import OFTEN, adapter, full

    from harness import engines

    checkpoints = [
        full(tiny_checkpoint),
        full(tiny_other, "o", stop_ids=OFTEN),
        adapter(tiny_adapter, tiny_checkpoint),
        full(thinker, "t"),
    ]
    options = {"device": "cpu", "long_prompts": "left"}
    engine = engines.load(engines.describe("vllm", checkpoints, options), checkpoints, options)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; one for all tests of a process."""
    sync_api = pytest.importorskip("playwright.sync_api")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    chromium = next((path for path in found if path), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """open(path, fragment, **context options) -> page; a console error, a dialog or a request beyond file:// fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_(path: Path, fragment: str = "", **options: Any) -> Any:
        context = browser.new_context(**({"locale": "en-US", "viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
        page.goto(path.as_uri() + fragment)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def faults() -> Callable[[Any], list[str]]:
    """faults(page) -> what axe-core finds on it that is serious or critical, one line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def found(page: Any) -> list[str]:
        said = axe.run(page, options={"preload": False}).response["violations"]  # preloading styles is an XHR
        return [
            f"{v['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
            for v in said
            if v["impact"] in ("serious", "critical")
            for node in v["nodes"]
        ]

    return found
