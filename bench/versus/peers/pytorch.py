"""PyTorch's side, native on the same cores. usage: python3 pytorch.py INPUTS.safetensors THREADS VARIANT"""

import json
import sys
import time

from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models"))
import models
import operations
import safetensors

path, threads, variant = sys.argv[1:4]
torch.set_num_threads(int(threads))
LAYOUT = torch.channels_last if variant == "channels_last" else torch.contiguous_format


inputs = safetensors.read(path)


class InpaintingAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2),
            nn.Conv2d(64, 128, kernel_size=3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(128, 64, kernel_size=2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(64, 3, kernel_size=2, stride=2), nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def prepare(kind, name, batch, steps):
    """Returns the values that are checked, and the function that is timed."""
    torch.manual_seed(4)
    if kind in ("operation", "operation forward"):
        return operations.prepare(name, kind == "operation", inputs["images"][:batch], inputs["mask"][:batch])
    if kind == "model":
        program, x, y = models.prepare(name, inputs, variant)
        return models.values_of(program, x, y), lambda: program.step(x, y)

    model = InpaintingAutoencoder()
    model.load_state_dict({name: value for name, value in inputs.items() if name not in ("images", "mask")})
    model.to(memory_format=LAYOUT)
    if variant == "torch.compile":
        model = torch.compile(model)
    images = inputs["images"][:batch].clone().to(memory_format=LAYOUT)
    mask = inputs["mask"][:batch].clone()
    if kind == "forward":

        def forward():
            with torch.no_grad():
                return model(images)

        return forward().contiguous().flatten().tolist(), forward

    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

    def train(masked):
        loss = criterion(model(masked), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [train(images * mask) for _ in range(steps)]
    return losses, lambda: train(images * (torch.rand(images.shape) > 0.5))


def run(step, warmup, iterations):
    milliseconds = []
    for i in range(-warmup, iterations):
        if i == 0:
            before = time.process_time()
        start = time.perf_counter()
        step()
        if i >= 0:
            milliseconds.append(1000 * (time.perf_counter() - start))
    return {"milliseconds": milliseconds, "cpu": 1000 * (time.process_time() - before) / iterations}


def answer(reply):
    print(json.dumps(reply), flush=True)


answer({"version": torch.__version__})
step = None
for line in sys.stdin:
    try:
        request = json.loads(line)
        if request["do"] == "prepare":
            values, step = prepare(request["kind"], request.get("model"), request["batch"], request["steps"])
            answer({"values": values})
        else:
            answer(run(step, request["warmup"], request["iterations"]))
    except Exception as error:  # whatever it is, the bench reports it
        answer({"error": f"{type(error).__name__}: {error}"})
