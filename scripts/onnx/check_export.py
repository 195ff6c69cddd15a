"""Checks ONNX files with onnx's own checker and shape inference, and loads them in the native onnxruntime.

    ONNX_MODELS=build/onnx_models npx vitest run test/unit/onnx/export
    python scripts/onnx/check_export.py build/onnx_models

Needs the packages onnx and onnxruntime. Prints the number of files that pass, and each problem.
"""

import collections
import pathlib
import sys

import onnx
import onnxruntime

files = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
operators = collections.Counter()
problems = 0
for file in files:
    try:
        model = onnx.load(file)
        onnx.checker.check_model(model, full_check=True)
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        operators.update(node.op_type for node in model.graph.node)
    except Exception as error:  # every problem is listed
        problems += 1
        kinds = sorted({node.op_type for node in onnx.load(file).graph.node})
        print(f"{file.name} ({', '.join(kinds)}): {type(error).__name__}: {str(error)[:400]}")
print(f"{len(files) - problems} of {len(files)} files pass; {len(operators)} operators:")
print(", ".join(f"{name} {count}" for name, count in sorted(operators.items())))
sys.exit(1 if problems > 0 or not files else 0)
