"""An OpenAI-compatible vLLM server whose engine and requests are recorded; vLLM's own, unchanged.

pip install 'inlay[query]' vllm
python examples/vllm_serve.py Qwen/Qwen3-0.6B
curl 127.0.0.1:8000/v1/completions -H 'Content-Type: application/json' \
    -d '{"model": "Qwen/Qwen3-0.6B", "prompt": "The sea is", "max_tokens": 64}'
inlay query "select metric, count, mean from points where metric like 'generation.%'" telemetry

vLLM finds the plugins by itself. `INLAY_VLLM_LOGITS=1` has them look at the logits of each step
too: entropy, margin and the log-probability of the tokens that were chosen.
"""

import os
import sys

environment = {
    "INLAY_DIRECTORY": "telemetry",
    "INLAY_VLLM_LOGITS": "1",
    "OTEL_SERVICE_NAME": "chat",
    **os.environ,
}

if __name__ == "__main__":
    os.execvpe("vllm", ["vllm", "serve", *sys.argv[1:]], environment)
