"""The operations of ../operations.ts in PyTorch, on the same numbers."""

import math

import torch
from torch import nn

F = nn.functional


class Numbers:
    """A list of numbers in [0, 1], repeated: the inputs of an operation take them one after the other."""

    def __init__(self, data):
        self.data = data.flatten()
        self.taken = 0

    def take(self, *shape, low=0, high=1):
        size = math.prod(shape)
        at = (self.taken + torch.arange(size)) % self.data.numel()
        self.taken += size
        return (self.data[at] * (high - low) + low).reshape(shape)


def unary(shape, run):
    def prepare(numbers):
        x = numbers.take(*shape, low=-4, high=4)
        return [x], lambda: run(x)

    return prepare


def recurrent(kind, steps, batch, input_size, hidden_size):
    def prepare(numbers):
        x = numbers.take(steps, batch, input_size, low=-1)
        layer = kind(input_size, hidden_size)
        bound = 1 / math.sqrt(hidden_size)
        with torch.no_grad():
            for weight in layer.parameters():
                weight.copy_(numbers.take(*weight.shape, low=-bound, high=bound))
        return [x, *layer.parameters()], lambda: layer(x)[0]

    return prepare


def distinct(*shape):
    values, power = [], 1
    for _ in range(math.prod(shape)):
        values.append(power)
        power = power * 30006 % 100003
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def ordered(shape, run):
    def prepare(numbers):
        x = distinct(*shape)
        return [x], lambda: run(x)

    return prepare


def affine_maps(numbers, batch):
    return torch.tensor([0.9, 0.2, 0.1, -0.1, 1.1, 0.05]).reshape(2, 3) + numbers.take(batch, 2, 3, high=0.1)


def spatial_transformer(numbers):
    x = numbers.take(8, 3, 32, 32, low=-0.1, high=0.1)
    theta = affine_maps(numbers, 8)
    return [x, theta], lambda: F.grid_sample(
        x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False
    )


def grid_sample(numbers):
    x = numbers.take(8, 16, 64, 64, low=-0.02, high=0.02)
    grid = F.affine_grid(affine_maps(numbers, 8), x.shape, align_corners=False)
    return [x, grid], lambda: F.grid_sample(x, grid, align_corners=False)


def index_add(numbers):
    x, source = numbers.take(2000, 64, low=-1), numbers.take(10000, 64, low=-1)
    index = numbers.take(10000, high=2000).long()
    return [x, source], lambda: x.index_add(0, index, source)


def masked_select(numbers):
    x = numbers.take(100000, low=-1)
    mask = numbers.take(100000) > 0.5
    return [x], lambda: x.masked_select(mask)


DY = 0.1
ROW = 512
ROWS = (384, ROW)


def causal_attention(x):
    heads = (x * 0.25).reshape(-1, 4, 128, 32)
    return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True).reshape(-1, ROW)


OPERATIONS = {
    "gelu": unary(ROWS, F.gelu),
    "softmax": unary(ROWS, lambda x: F.softmax(x, 1)),
    "layerNorm": unary(ROWS, lambda x: F.layer_norm(x, [ROW])),
    "causal attention": unary(ROWS, causal_attention),
    "LSTM 200 to 200 (35 steps of 20)": recurrent(nn.LSTM, 35, 20, 200, 200),
    "LSTM 28 to 64 (28 steps of 64)": recurrent(nn.LSTM, 28, 64, 28, 64),
    "GRU 200 to 200 (35 steps of 20)": recurrent(nn.GRU, 35, 20, 200, 200),
    "cumsum of 64x512": unary((64, 512), lambda x: x.cumsum(1)),
    "cumsum of 1000000": unary((1000000,), lambda x: x.cumsum(0)),
    "topk 5 of 256x1000": ordered((256, 1000), lambda x: x.topk(5)[0]),
    "topk 500 of 256x1000": ordered((256, 1000), lambda x: x.topk(500)[0]),
    "sort of 100000": ordered((100000,), lambda x: x.sort()[0]),
    "indexAdd of 10000x64 to 2000x64": index_add,
    "maskedSelect of 100000": masked_select,
    "gridSample and affineGrid of 8x3x32x32": spatial_transformer,
    "gridSample of 8x16x64x64": grid_sample,
}


def prepare(name, gradients, images, mask):
    """Returns the values that are checked, and the function that is timed."""
    inputs, run = OPERATIONS[name](Numbers(images))
    if not gradients:

        def forward():
            with torch.no_grad():
                return run()

        return forward().flatten().tolist(), forward

    for x in inputs:
        x.requires_grad_()
    dy = Numbers(mask).take(*run().shape, high=DY)

    def step():
        for x in inputs:
            x.grad = None
        y = run()
        y.backward(dy)
        return y

    y = step().detach()
    return torch.cat([values.flatten() for values in [y, *(x.grad for x in inputs)]]).tolist(), step
