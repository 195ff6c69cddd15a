"""Reads safetensors files without the package of that name."""

import json
import struct

import torch

DTYPES = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64}


def read(path):
    """Tensors by name: 8 bytes of header length, JSON, elements."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        elements = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = torch.frombuffer(elements[begin:end], dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors
