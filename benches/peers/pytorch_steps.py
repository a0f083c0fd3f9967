"""Times training and evaluation steps of PyTorch on a GPU, for comparison with `cargo bench --bench step`.

    pip install torch numpy
    python benches/peers/pytorch_steps.py                   # or some of: eager, channels_last, compile, cuda_graph

The networks are the tutorial's with Adam, at batch sizes 32 and 512, and ResNet-20 with SGD and Nesterov's momentum, at 128. The
images are on the device as bytes; a step chooses its batch, scales it, and adds loss and hits to sums on the device. Each
figure is the median of three times 0.4 s.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import pytorch_cnn
import resnet20
import torch
from torch import nn

MODES = ["eager", "channels_last", "compile", "cuda_graph"]
IMAGES, SECONDS, ROUNDS = 4096, 0.4, 3
NETWORKS = [("tutorial", pytorch_cnn.build, [32, 512]), ("resnet20", resnet20.torch_network, [128])]


def seconds_of(step: Callable[[], object]) -> float:
    """Seconds of a step."""
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    rounds = []
    for _ in range(ROUNDS):
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            for _ in range(20):
                step()
            torch.cuda.synchronize()
            steps += 20
        rounds.append((time.perf_counter() - start) / steps)
    return statistics.median(rounds)


def measure(name: str, build: Callable[[], nn.Module], batch: int, mode: str) -> dict:
    model = build().cuda()
    if mode == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    if name == "tutorial":
        capturable = mode == "cuda_graph"
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7, fused=True, capturable=capturable)
    else:
        optimizer = torch.optim.SGD(model.parameters(), 1e-3, 0.9, nesterov=True, weight_decay=1e-4, fused=True)
    forward = torch.compile(model, dynamic=False) if mode == "compile" else model
    images = torch.randint(0, 256, (IMAGES, 32, 32, 3), dtype=torch.uint8, device="cuda")
    labels = torch.randint(0, 10, (IMAGES,), device="cuda")
    chosen = torch.randint(0, IMAGES, (batch,), device="cuda")
    sums = torch.zeros(2, device="cuda")

    def batch_of() -> torch.Tensor:
        x = images[chosen].permute(0, 3, 1, 2).float() / 255
        return x if mode == "channels_last" else x.contiguous()

    def train() -> None:
        y = labels[chosen]
        logits = forward(batch_of())
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.add_(torch.stack([loss.detach() * batch, (logits.argmax(1) == y).sum()]))

    # Libraries set themselves up on a stream of its own, as a graph asks for.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            train()
    torch.cuda.current_stream().wait_stream(stream)
    step = train
    if mode == "cuda_graph":
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            train()
        step = graph.replay
    training = seconds_of(step)
    model.eval()
    x = batch_of()
    with torch.no_grad():
        evaluation = seconds_of(lambda: forward(x))
    figures = {"train_ms": training * 1e3, "images_per_s": batch / training, "evaluate_ms": evaluation * 1e3}
    return {"network": name, "batch_size": batch, "mode": mode, **figures}


def main() -> None:
    modes = sys.argv[1:] or ["eager", "channels_last", "cuda_graph"]
    if unknown := [mode for mode in modes if mode not in MODES]:
        raise SystemExit(f"there is no mode {unknown[0]}; there are {', '.join(MODES)}")
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU")
    # wgrad computes everything in float32.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}", flush=True)
    for mode in modes:
        for name, build, batches in NETWORKS:
            for batch in batches:
                print(json.dumps(measure(name, build, batch, mode)), flush=True)


if __name__ == "__main__":
    main()
