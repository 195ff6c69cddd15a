"""The state of an optimizer of PyTorch in a safetensors file, as wasmgrad's optimizerToPyTorch writes it."""
import json

from safetensors import safe_open
from safetensors.torch import save_file


def save_optimizer(optimizer, path):
    state = optimizer.state_dict()
    tensors = {f"{i}.{k}": v for i, values in state["state"].items() for k, v in values.items() if v is not None}
    save_file(tensors, path, {"format": "pt", "param_groups": json.dumps(state["param_groups"])})


def load_optimizer(optimizer, path):
    state = {}
    with safe_open(path, "pt") as file:
        groups = json.loads(file.metadata()["param_groups"])
        for key in file.keys():
            number, name = key.split(".")
            state.setdefault(int(number), {})[name] = file.get_tensor(key)
    optimizer.load_state_dict({"state": state, "param_groups": groups})
