"""The other half of main.ts: trains the same autoencoder with PyTorch, from the same files and into them.
usage: pip install torch numpy safetensors
       python examples/to_pytorch/main.py FOLDER [--steps 20] [--device cuda]
FOLDER is one that main.ts made: `npx tsx examples/to_pytorch/main.ts FOLDER --steps 0` makes a new run."""
import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from optimizer_file import load_optimizer, save_optimizer


class InpaintingAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2),
            nn.Conv2d(64, 128, 3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(128, 64, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(64, 3, 2, stride=2), nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


arguments = argparse.ArgumentParser()
arguments.add_argument("folder", type=Path)
arguments.add_argument("--steps", type=int, default=20)
arguments.add_argument("--device", default="cpu")
options = arguments.parse_args()

model = InpaintingAutoencoder().to(options.device)
model.load_state_dict(load_file(options.folder / "model.safetensors"))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
load_optimizer(optimizer, options.folder / "optimizer.safetensors")

batches = load_file(options.folder / "batches.safetensors", device=options.device)
images, masks = batches["images"].split(16), batches["masks"].split(16)
state = optimizer.state_dict()["state"]
first = int(state[0]["step"]) if state else 0
for step in range(first, first + options.steps):
    inputs, mask = images[step % len(images)], masks[step % len(images)]
    loss = nn.functional.mse_loss(model(inputs * mask), inputs)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step + 1}: loss {loss.item():.6f}")

save_file(model.state_dict(), options.folder / "model.safetensors")
save_optimizer(optimizer, options.folder / "optimizer.safetensors")
