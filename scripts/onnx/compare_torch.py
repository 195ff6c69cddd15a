"""Exports architectures from PyTorch, with what PyTorch computes: outputs, and gradients of all parameters.

    pip install torch torchvision onnx safetensors  # and what the exporter asks for
    python scripts/onnx/compare_torch.py build/onnx_torch [name ...]
    npx tsx scripts/onnx/compare_torch.ts build/onnx_torch

With --small it writes the fixtures of the tests instead: python scripts/onnx/compare_torch.py --small
test/fixtures/onnx/torch. With --libraries it exports the architectures of library_models.py, by fewer settings, each
into a separate folder, and waits while more than four are there: compare_libraries.ts removes them. Each architecture is exported for a dynamic batch by several settings:

    names            the TorchScript exporter, so that all names survive: nothing folded, nothing merged
    training         the same in training mode, so that dropout survives too
    torchscript      the TorchScript exporter with its defaults
    dynamo           the exporter of torch.export with its defaults
    dynamo_names     the same without its optimizer

    smooth           as names, of the same model with smooth functions: SiLU in place of ReLU, averages in place of
                     maxima. Where a ReLU sits at 0, rounding alone decides on its gradient; here nothing does.

Files: NAME.SETTING.onnx, and NAME.safetensors with the tensors

    x                inputs of a batch of 3 (the traced batch has 2); x1, x2 for further ones
    r                the loss is the mean of r times the output
    y                the output in evaluation mode
    eval.PARAMETER   its gradient in evaluation mode
    train.PARAMETER  its gradient in training mode, without dropout, for models with batch norms
    value.PARAMETER  the parameter itself, for parameters whose export may have another value under the name;
                     only of parameters that the output depends on

and NAME.smooth.safetensors for the last setting. Outputs and gradients are those in float64. The metadata has the errors of PyTorch's own float32 against them.
"""

import argparse
import contextlib
import copy
import json
import logging
import time
import warnings
from pathlib import Path

import onnx
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch_models import ARCHITECTURES, SMALL
from torchvision.ops import StochasticDepth

SETTINGS = ("names", "training", "torchscript", "dynamo", "dynamo_names")
SMALL_SETTINGS = ("names", "dynamo", "dynamo_names")
LIBRARY_SETTINGS = ("names", "dynamo")


def listed(inputs):
    """The inputs of a model as a tuple: most have one."""
    return inputs if isinstance(inputs, tuple) else (inputs,)


def prepare(module):
    """No dropout, norms whose scales differ, running statistics of data: as after some training."""
    for part in module.modules():
        if isinstance(part, (nn.Dropout, StochasticDepth)):
            part.p = 0.0
        if isinstance(part, nn.MultiheadAttention):
            part.dropout = 0.0
        if isinstance(part, nn.Embedding):
            part.padding_idx = None  # no file says that a row does not train
    with torch.no_grad():
        for parameter in module.parameters():
            # equal parameters, such as new norms, would be one tensor in a file
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return module


def settle(module, inputs):
    """Running statistics that fit the inputs."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    module.train()
    for norm in norms:
        norm.momentum = 0.5
    with torch.no_grad():
        for _ in range(8):
            module(*listed(inputs(8)))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    return len(norms) > 0


def export(module, example, path, setting):
    if setting.startswith("dynamo"):
        dynamic = tuple({0: torch.export.Dim("batch")} for _ in example)
        torch.onnx.export(
            module.eval(), example, path, dynamo=True, verbose=False, external_data=False,
            dynamic_shapes=dynamic, optimize=setting == "dynamo",
        )  # fmt: skip
        return
    modes = {
        "names": {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False},
        "training": {"training": torch.onnx.TrainingMode.TRAINING, "do_constant_folding": False},
        "torchscript": {},
    }
    names = [key_of(i) for i in range(len(example))]
    statistics = {name: buffer.numpy().copy() for name, buffer in module.named_buffers() if "running" in name}
    torch.onnx.export(
        module.train(setting == "training"), example, path, dynamo=False, opset_version=17,
        input_names=names, output_names=["y"], dynamic_axes={name: {0: "batch"} for name in (*names, "y")},
        **modes[setting],
    )  # fmt: skip
    if setting == "training":
        restore(path, statistics)


def restore(path, statistics):
    """The exporter runs a model in training mode, which changes its running statistics. Puts back the old ones."""
    model = onnx.load(path)
    for initializer in model.graph.initializer:
        if initializer.name in statistics:
            initializer.CopyFrom(onnx.numpy_helper.from_array(statistics[initializer.name], initializer.name))
    onnx.save(model, path)


def strip(path):
    """Removes what is said of the sources: it is larger than the model."""
    model = onnx.load(path)
    del model.metadata_props[:]
    for graph in (model.graph, *model.functions):
        del graph.metadata_props[:], graph.value_info[:]
        for node in graph.node:
            del node.metadata_props[:]
            node.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    onnx.save(model, path)


def key_of(i):
    return "x" if i == 0 else f"x{i}"


def run(module, x, r, training):
    module = copy.deepcopy(module).train(training)
    y = module(*x)
    (y * r).mean().backward()
    return y.detach(), {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def error(ours, theirs):
    return float((ours.double() - theirs).norm() / theirs.norm().clamp_min(1e-30))


def reference(module, x, r, training):
    """Output and gradients in float64, and the largest errors of float32 against them."""
    double = copy.deepcopy(module).double()
    y, grads = run(double, [each.double() if each.is_floating_point() else each for each in x], r.double(), training)
    y32, grads32 = run(module, x, r, training)
    used = list(grads)
    # a gradient that is nothing but rounding says nothing
    largest = max(float(g.norm()) for g in grads.values())
    grads = {name: g for name, g in grads.items() if float(g.norm()) > 1e-7 * largest}
    return y, grads, used, error(y32, y), max(error(grads32[name], g) for name, g in grads.items())


@contextlib.contextmanager
def smooth():
    """Replaces functions that have kinks."""

    def silu(x, *_, **__):
        return F.silu(x)

    def average(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)

    kinked = ("relu", "relu6", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid")
    before = {name: getattr(F, name) for name in (*kinked, "max_pool2d")}
    for name in kinked:
        setattr(F, name, silu if name != "hardsigmoid" else lambda x, *_, **__: torch.sigmoid(x))
    F.max_pool2d = average
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(F, name, function)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--libraries", action="store_true")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.libraries:
        export_libraries(arguments.folder, arguments.names)
        return
    table = SMALL if arguments.small else ARCHITECTURES
    for name in arguments.names or table:
        if arguments.small:
            compare(name, *table[name], arguments.folder, SMALL_SETTINGS, strip)
            continue
        compare(name, *table[name], arguments.folder, SETTINGS)
        with smooth():
            compare(f"{name}.smooth", *table[name], arguments.folder, ("names",))


def export_libraries(folder, names):
    from library_models import LIBRARIES

    for name in names or LIBRARIES:
        while sum(1 for _ in folder.glob("[!.]*/")) > 4:
            time.sleep(2)
        hidden = folder / f".{name}"
        hidden.mkdir(exist_ok=True)
        try:
            compare(name, *LIBRARIES[name], hidden, LIBRARY_SETTINGS)
            with smooth():
                compare(f"{name}.smooth", *LIBRARIES[name], hidden, ("names",))
        except Exception as exception:  # noqa: BLE001: what cannot be made is left out of the table
            print(name, "failed:", type(exception).__name__, str(exception).splitlines()[0][:120], flush=True)
        hidden.rename(folder / name)


def compare(name, make, inputs, folder, settings, finish=lambda path: None):
    """Writes the files of one architecture."""
    torch.manual_seed(0)
    module = prepare(make())
    has_norms = settle(module, inputs)
    example, x = listed(inputs(2)), listed(inputs(3))
    with torch.no_grad():
        r = torch.randn_like(module.eval()(*x))
    y, grads, used, output_error, gradient_error = reference(module, x, r, False)
    errors = {"output": output_error, "eval": gradient_error}
    tensors = {key_of(i): each.int() if each.dtype == torch.int64 else each for i, each in enumerate(x)}
    tensors |= {"r": r, "y": y.float()}
    tensors |= {f"eval.{key}": value.float() for key, value in grads.items()}
    if has_norms:
        _, grads, _, _, errors["train"] = reference(module, x, r, True)
        tensors |= {f"train.{key}": value.float() for key, value in grads.items()}
    tensors |= {f"value.{key}": value.detach().clone() for key, value in module.named_parameters() if key in used}
    for setting in settings:
        path = folder / (f"{name}.onnx" if name.endswith(".smooth") else f"{name}.{setting}.onnx")
        start = time.time()
        try:
            export(copy.deepcopy(module), example, path, setting)
            finish(path)
            print(f"{path.name:40} {time.time() - start:6.1f} s", flush=True)
        except Exception as exception:  # noqa: BLE001: an exporter's failure is a result
            errors[setting] = f"{type(exception).__name__}: {str(exception).splitlines()[0][:120]}"
            print(f"{path.name:40} failed: {errors[setting]}", flush=True)
    metadata = {"torch": torch.__version__, "errors": json.dumps(errors)}
    tensors = {key: value.contiguous() for key, value in tensors.items()}
    save_file(tensors, folder / f"{name}.safetensors", metadata)


if __name__ == "__main__":
    main()
