"""What PyTorch computes for residual networks and a stack of convolutions: writes vision.json beside this file.

    python3 make_vision.py

torchvision and fastai are not needed: the networks are built here from PyTorch's layers, under the names that theirs have.
Parameters, statistics and pictures follow from formulas, so that only results are kept. Everything is float64.
"""
import json
import math
import pathlib

import torch
from torch import nn

torch.set_default_dtype(torch.float64)


def sines(shape, phase):
    return torch.sin(phase + 0.7 * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape)


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = width * (4 if bottleneck else 1)
        sizes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)] if bottleneck else [
            (inputs, width, 3, stride), (width, width, 3, 1)]
        self.count = len(sizes)
        for i, size in enumerate(sizes, 1):
            setattr(self, f"conv{i}", conv(*size))
            setattr(self, f"bn{i}", nn.BatchNorm2d(size[1]))
        self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)) \
            if stride > 1 or inputs != outputs else None

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y if i == self.count else y.relu()
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


def stages(blocks, bottleneck, make):
    inputs = 64
    for i, count in enumerate(blocks):
        width, made = 64 << i, []
        for b in range(count):
            made.append(make(inputs, width, 2 if i > 0 and b == 0 else 1, bottleneck))
            inputs = width * (4 if bottleneck else 1)
        yield nn.Sequential(*made)


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        for i, stage in enumerate(stages(blocks, bottleneck, Block), 1):
            setattr(self, f"layer{i}", stage)
        self.fc = nn.Linear(512 * (4 if bottleneck else 1), classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


def conv_layer(inputs, outputs, kernel, stride=1, act=True):
    return nn.Sequential(conv(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs), *([nn.ReLU()] if act else []))


class ResBlock(nn.Module):
    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = width * (4 if bottleneck else 1)
        self.convpath = nn.Sequential(*(
            [conv_layer(inputs, width, 1), conv_layer(width, width, 3, stride), conv_layer(width, outputs, 1, act=False)]
            if bottleneck else [conv_layer(inputs, width, 3, stride), conv_layer(width, width, 3, act=False)]))
        around = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
        around += [conv_layer(inputs, outputs, 1, act=False)] if inputs != outputs else []
        self.idpath = nn.Sequential(*around)

    def forward(self, x):
        return (self.convpath(x) + self.idpath(x)).relu()


def xresnet(blocks, bottleneck, classes):
    return nn.Sequential(
        conv_layer(3, 32, 3, 2), conv_layer(32, 32, 3), conv_layer(32, 64, 3), nn.MaxPool2d(3, 2, 1),
        *stages(blocks, bottleneck, ResBlock), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0),
        nn.Linear(512 * (4 if bottleneck else 1), classes))


def simple_cnn(channels, kernels, strides, bn):
    layers = []
    for i, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
        norm = bn and i < len(channels) - 2
        layers.append(nn.Sequential(
            nn.Conv2d(inputs, outputs, kernels[i], strides[i], (kernels[i] - 1) // 2, bias=not norm), nn.ReLU(),
            *([nn.BatchNorm2d(outputs)] if norm else [])))
    return nn.Sequential(*layers, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))


CASES = {
    "resnet basic": ResNet([2, 1, 1, 2], False, 5),
    "resnet bottleneck": ResNet([1, 2, 1, 1], True, 5),
    "xresnet basic": xresnet([2, 1, 1, 2], False, 5),
    "xresnet bottleneck": xresnet([1, 2, 1, 1], True, 5),
    "simple cnn": simple_cnn([3, 16, 16, 2], [3, 3, 3], [2, 2, 2], False),
    "simple cnn with norms": simple_cnn([3, 8, 6, 4], [5, 3, 3], [2, 1, 2], True),
}


def fill(model):
    state = [(name, value) for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")]
    for i, (name, value) in enumerate(state):
        wave, last = sines(value.shape, 0.3 * i), name.split(".")[-1]
        if value.dim() > 1:
            value.copy_(1.5 / math.sqrt(math.prod(value.shape[1:])) * wave)
        else:
            value.copy_({"weight": 1 + 0.3 * wave, "bias": 0.2 * wave, "running_mean": 0.1 * wave,
                         "running_var": 1 + 0.4 * wave}[last])
    return [[name, list(value.shape)] for name, value in state]


def result(model):
    # An odd size, so that strides meet edges.
    picture = sines((2, 3, 45, 41), 0.2).requires_grad_()
    names = fill(model)
    evaluated = model.eval()(picture)
    trained = model.train()(picture)
    (trained * sines(trained.shape, 0.9)).sum().backward()
    return {
        "state": names,
        "evaluation": evaluated.flatten().tolist(),
        "training": trained.flatten().tolist(),
        "gradient of the picture": picture.grad.flatten()[:20].tolist(),
        "norms of gradients": [p.grad.norm().item() for p in model.parameters()],
        "sums of statistics": [
            value.sum().item() for name, value in model.state_dict().items() if "running" in name],
    }


path = pathlib.Path(__file__).with_name("vision.json")
path.write_text(json.dumps({name: result(model) for name, model in CASES.items()}, indent=1) + "\n")
