"""The networks of this folder in PyTorch, as their well-known sources write them, with the same names and sizes."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(inputs, outputs, size, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=(size - 1) // 2, groups=groups, bias=False)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


def stage(inputs, outputs, stride):
    return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))


class ResNet18(nn.Module):
    def __init__(self, width=32, classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(3, width, 3), nn.BatchNorm2d(width)
        self.layer1 = stage(width, width, 1)
        self.layer2 = stage(width, 2 * width, 2)
        self.layer3 = stage(2 * width, 4 * width, 2)
        self.layer4 = stage(4 * width, 8 * width, 2)
        self.linear = nn.Linear(8 * width, classes)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        return self.linear(F.avg_pool2d(out, 4).flatten(1))


class DoubleConv(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.double_conv = nn.Sequential(
            conv(inputs, outputs, 3), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            conv(outputs, outputs, 3), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


def down(inputs, outputs):
    return nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, outputs))


class Up(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, inputs // 2, kernel_size=2, stride=2)
        self.conv = DoubleConv(inputs, outputs)

    def forward(self, x, skipped):
        return self.conv(torch.cat([skipped, self.up(x)], dim=1))


class UNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.inc = DoubleConv(3, width)
        self.down1, self.down2, self.down3 = (down(n * width, 2 * n * width) for n in (1, 2, 4))
        self.up1, self.up2, self.up3 = (Up(2 * n * width, n * width) for n in (4, 2, 1))
        self.outc = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        return self.outc(self.up3(self.up2(self.up1(x4, x3), x2), x1))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        hidden = expansion * inputs
        self.residual = stride == 1
        self.conv1, self.bn1 = conv(inputs, hidden, 1), nn.BatchNorm2d(hidden)
        self.conv2, self.bn2 = conv(hidden, hidden, 3, stride, hidden), nn.BatchNorm2d(hidden)
        self.conv3, self.bn3 = conv(hidden, outputs, 1), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if self.residual and inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = F.relu6(self.bn1(self.conv1(x)))
        out = F.relu6(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return out + self.shortcut(x) if self.residual else out


class MobileNetV2(nn.Module):
    # expansion, channels, blocks and first stride of each stage
    STAGES = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]

    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 32, 3), nn.BatchNorm2d(32)
        layers, channels = [], 32
        for expansion, outputs, blocks, stride in self.STAGES:
            for block in range(blocks):
                layers.append(InvertedResidual(channels, outputs, expansion, stride if block == 0 else 1))
                channels = outputs
        self.layers = nn.Sequential(*layers)
        self.conv2, self.bn2 = conv(320, 1280, 1), nn.BatchNorm2d(1280)
        self.linear = nn.Linear(1280, classes)

    def forward(self, x):
        out = self.layers(F.relu6(self.bn1(self.conv1(x))))
        out = F.relu6(self.bn2(self.conv2(out)))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.proj(attended.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class ViTBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width), Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class ViT(nn.Module):
    def __init__(self, width=192, depth=6, heads=3, patch=4, side=32, classes=10):
        super().__init__()
        self.patch_embed = PatchEmbed(patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(ViTBlock(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.c_attn, self.c_proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.c_attn(x).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(attended.transpose(1, 2).contiguous().view(batch, length, width))


class GPTMlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class GPTBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), CausalSelfAttention(width, heads)
        self.ln_2, self.mlp = nn.LayerNorm(width), GPTMlp(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, characters=65, length=128, layers=4, heads=4, width=128):
        super().__init__()
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(characters, width),
            "wpe": nn.Embedding(length, width),
            "h": nn.ModuleList(GPTBlock(width, heads) for _ in range(layers)),
            "ln_f": nn.LayerNorm(width),
        })
        self.lm_head = nn.Linear(width, characters, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, tokens):
        positions = torch.arange(tokens.size(1))
        x = self.transformer.wte(tokens) + self.transformer.wpe(positions)
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


def generator(noise=100, width=32):
    layers, inputs = [], noise
    for i, outputs in enumerate([8 * width, 4 * width, 2 * width, width]):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(width=32):
    layers = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for inputs in [width, 2 * width, 4 * width]:
        layers += [nn.Conv2d(inputs, 2 * inputs, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * inputs), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Sigmoid())


class DCGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.netG, self.netD = generator(), discriminator()

    def forward(self, noise):
        return self.netD(self.netG(noise)).view(-1)


class Supervised:
    """The usual step: one network, one loss, one optimizer. `compiled` is what computes: the model, or it compiled."""

    def __init__(self, model, criterion, optimizer):
        self.model = self.compiled = model
        self.criterion, self.optimizer = criterion, optimizer

    def compile(self):
        self.compiled = torch.compile(self.model)

    def forward(self, x, y):
        return self.model(x)

    def step(self, x, y):
        loss = self.criterion(self.compiled(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return [loss.item()]


class Language(Supervised):
    def step(self, x, y):
        logits = self.compiled(x)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.reshape(-1))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return [loss.item()]


class Adversarial:
    """Images are the inputs, noise is the target."""

    def __init__(self):
        self.model = DCGAN()
        self.netG, self.netD = self.model.netG, self.model.netD
        self.criterion = nn.BCELoss()
        options = {"lr": 2e-4, "betas": (0.5, 0.999)}
        self.optimizers = [torch.optim.Adam(net.parameters(), **options) for net in (self.netD, self.netG)]

    def compile(self):
        self.netG, self.netD = torch.compile(self.netG), torch.compile(self.netD)

    def forward(self, x, y):
        return self.model(y)

    def judge(self, images, answer):
        label = torch.full((images.size(0),), answer, dtype=images.dtype)
        return self.criterion(self.netD(images).view(-1), label)

    def step(self, images, noise):
        self.model.netD.zero_grad()
        real = self.judge(images, 1.0)
        real.backward()
        drawn = self.netG(noise)
        found = self.judge(drawn.detach(), 0.0)
        found.backward()
        self.optimizers[0].step()
        self.model.netG.zero_grad()
        passed = self.judge(drawn, 1.0)
        passed.backward()
        self.optimizers[1].step()
        return [real.item() + found.item(), passed.item()]


def classifier(model, make_optimizer):
    return Supervised(model, nn.CrossEntropyLoss(), make_optimizer(model.parameters()))


def gpt():
    model = GPT()
    weights = list(model.parameters())
    groups = [
        {"params": [weight for weight in weights if weight.dim() > 1], "weight_decay": 0.1},
        {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return Language(model, None, torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99)))


def unet():
    model = UNet()
    return Supervised(model, nn.BCEWithLogitsLoss(), torch.optim.Adam(model.parameters(), lr=1e-3))


def sgd(decay):
    return lambda weights: torch.optim.SGD(weights, lr=0.002, momentum=0.9, weight_decay=decay)


PROGRAMS = {
    "resnet18": lambda: classifier(ResNet18(), sgd(5e-4)),
    "unet": unet,
    "mobilenetv2": lambda: classifier(MobileNetV2(), sgd(4e-5)),
    "vit": lambda: classifier(ViT(), lambda weights: torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.05)),
    "gpt": gpt,
    "dcgan": Adversarial,
}


def prepare(name, inputs, way="eager", dtype=torch.float32):
    """A program with the given weights, its inputs and its targets. `way`: eager, channels_last or torch.compile."""
    program = PROGRAMS[name]()
    program.model.load_state_dict({key[6:]: value for key, value in inputs.items() if key.startswith("model.")})
    program.model.to(dtype)
    cast = lambda t: t.to(dtype) if t.is_floating_point() else t.long()
    x, y = cast(inputs["x"]), cast(inputs["y"])
    if way == "channels_last":
        program.model.to(memory_format=torch.channels_last)
        x, y = (t.to(memory_format=torch.channels_last) if t.dim() == 4 else t for t in (x, y))
    if way == "torch.compile":
        program.compile()
    return program, x, y


def values_of(program, x, y):
    """What the bench compares: outputs before training, losses of two steps, the norms of the first gradients."""
    program.model.eval()
    with torch.no_grad():
        output = program.forward(x, y).contiguous().flatten()[:16].tolist()
    program.model.train()
    losses = program.step(x, y)
    gradients = [weight.grad.norm().item() for weight in program.model.parameters()]
    return {"output": output, "losses": losses + program.step(x, y), "gradients": gradients}
