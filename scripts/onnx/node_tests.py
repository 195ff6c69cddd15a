# cspell:ignore ascontiguousarray lgwin
"""Writes the operator tests of the onnx package as one file: test/fixtures/onnx/node_tests.bin.br.

    pip install onnx==1.23.2 numpy brotli
    python scripts/onnx/node_tests.py

Every test is a model of one operator (or of the function body that defines it: "_expanded") with inputs and the
outputs that a reference computed. Kept are the tests whose inputs and outputs are all float32, int32, int64 or bool.

The file is compressed by Brotli. Inside: the length of a JSON text (uint32), the JSON text, then bytes that the text
points into.

    {"onnx": "1.23.2", "versions": {operator: [version]}, "tests": [test]}
    test: {"name", "operator", "model": [start, length], "inputs": [tensor], "outputs": [tensor]}
    tensor: [dtype, shape, start]

"versions" has the operators of ONNX's own domain that are not deprecated, with the versions in which each changed.

Starts count from the end of the JSON text. Models are ModelProto bytes; elements are little-endian, bool is one byte.
Tensors may overlap: many tests draw from the same stream of random numbers, which is stored once.
"""

import json
import re
import struct
import warnings
from pathlib import Path

import brotli
import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

OUTPUT = Path(__file__).resolve().parents[2] / "test/fixtures/onnx/node_tests.bin.br"
DTYPES = {"float32", "int32", "int64", "bool"}
EXPANDED = re.compile(r"_expanded(_ver\d+)?$")


def tensors_of(test):
    """Inputs and outputs as arrays, or None if one is no tensor of the dtypes kept."""
    if len(test.data_sets) != 1:
        return None
    values = test.model.graph.input, test.model.graph.output
    if any(not v.type.HasField("tensor_type") for side in values for v in side):
        return None
    if not all(isinstance(v, (np.ndarray, np.generic)) for side in test.data_sets[0] for v in side):
        return None
    sides = [[np.ascontiguousarray(v).reshape(np.shape(v)) for v in side] for side in test.data_sets[0]]
    return sides if all(str(v.dtype) in DTYPES for side in sides for v in side) else None


def versions_by_operator():
    """For each operator of ONNX's own domain that is not deprecated, the versions in which it changed."""
    versions = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and not onnx.defs.get_schema(schema.name).deprecated:
            versions.setdefault(schema.name, []).append(schema.since_version)
    return {name: sorted(versions[name]) for name in sorted(versions)}


class Pool:
    """Bytes; what they contain already is not added again."""

    def __init__(self):
        self.data = bytearray()

    def place(self, raw):
        start = self.data.find(raw)
        if start < 0:
            start = len(self.data)
            self.data += raw
        return start


def main():
    warnings.simplefilter("ignore")
    tests = collect_testcases(None)
    operators = {t.name: t.model.graph.node[0].op_type for t in tests if not EXPANDED.search(t.name)}
    kept = [(t, sides) for t in sorted(tests, key=lambda t: t.name) if (sides := tensors_of(t))]

    pool = Pool()
    # the longest first: shorter ones are often their beginnings
    arrays = [v for _, sides in kept for side in sides for v in side]
    starts = {raw: pool.place(raw) for raw in sorted({v.tobytes() for v in arrays}, key=lambda raw: (-len(raw), raw))}

    def describe(v):
        return [str(v.dtype), list(v.shape), starts[v.tobytes()]]

    entries = []
    for test, (inputs, outputs) in kept:
        model = test.model.SerializeToString()
        entries.append(
            {
                "name": test.name,
                "operator": operators.get(EXPANDED.sub("", test.name), "?"),
                "model": [pool.place(model), len(model)],
                "inputs": [describe(v) for v in inputs],
                "outputs": [describe(v) for v in outputs],
            }
        )
    header = {"onnx": onnx.__version__, "versions": versions_by_operator(), "tests": entries}
    text = json.dumps(header, separators=(",", ":")).encode()
    packed = brotli.compress(struct.pack("<I", len(text)) + text + bytes(pool.data), quality=11, lgwin=24)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_bytes(packed)
    print(f"{len(entries)} tests of {len({e['operator'] for e in entries})} operators, {len(packed)} bytes")


if __name__ == "__main__":
    main()
