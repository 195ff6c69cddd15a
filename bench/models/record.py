"""Writes values.json: PyTorch's outputs, losses and gradients from the weights of write_inputs.ts, computed in float64.
usage, from the root of the project, after a build:
  npx tsx --tsconfig bench/tsconfig.json bench/models/write_inputs.ts build/models && python3 bench/models/record.py build/models"""

import json
import pathlib
import sys

import torch

import models
import safetensors

short = lambda values: [float(f"{value:.7g}") for value in values]
recorded = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.safetensors")):
    values = models.values_of(*models.prepare(path.stem.split("_")[0], safetensors.read(path), dtype=torch.float64))
    recorded[path.stem] = {name: short(part) for name, part in values.items()}
    print(path.stem, recorded[path.stem]["losses"])
lines = [f'    "{name}": {json.dumps(values)}' for name, values in recorded.items()]
text = f'{{\n  "pytorch": "{torch.__version__.split("+")[0]}",\n  "values": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
pathlib.Path(__file__).with_name("values.json").write_text(text)
