"""What PyTorch's layers are called, print and compute: writes layers.json beside this file.

    python3 make_layers.py

Parameters and inputs follow from formulas, so that only results are kept. Everything is float64.
"""
import json
import math
import pathlib

import torch
from torch import nn

torch.set_default_dtype(torch.float64)


def fill(shape, phase, scale=0.5):
    count = math.prod(shape)
    return (scale * torch.sin(phase + 0.7 * torch.arange(count))).reshape(shape)


IMAGE = [(2, 4, 7, 6)]
ROWS = [(3, 4)]
LINE = [(2, 4, 9)]
CASES = [
    ("linear", nn.Linear(4, 3), ROWS),
    ("linear without bias", nn.Linear(4, 3, bias=False), ROWS),
    ("bilinear", nn.Bilinear(4, 5, 3), [(3, 4), (3, 5)]),
    ("conv1d", nn.Conv1d(4, 2, 3, padding=1, padding_mode="circular"), LINE),
    ("conv2d", nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2, bias=False), IMAGE),
    ("conv2d same", nn.Conv2d(4, 2, 3, padding="same"), IMAGE),
    ("conv2d reflect", nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), IMAGE),
    ("conv3d", nn.Conv3d(2, 3, 2), [(1, 2, 3, 4, 3)]),
    ("conv transpose 1d", nn.ConvTranspose1d(4, 2, 3, stride=2), LINE),
    ("conv transpose 2d", nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1), IMAGE),
    ("conv transpose 3d", nn.ConvTranspose3d(2, 2, 2, groups=2), [(1, 2, 3, 2, 3)]),
    ("batch norm 1d", nn.BatchNorm1d(4), ROWS),
    ("batch norm 2d", nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), IMAGE),
    ("batch norm cumulative", nn.BatchNorm2d(4, momentum=None), IMAGE),
    ("batch norm 3d", nn.BatchNorm3d(2, affine=False), [(2, 2, 3, 2, 2)]),
    ("batch norm without statistics", nn.BatchNorm2d(4, track_running_stats=False), IMAGE),
    ("instance norm 1d", nn.InstanceNorm1d(4, affine=True), LINE),
    ("instance norm 2d", nn.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGE),
    ("layer norm", nn.LayerNorm(4), ROWS),
    ("layer norm of two axes", nn.LayerNorm((7, 6), eps=1e-3, elementwise_affine=False), IMAGE),
    ("group norm", nn.GroupNorm(2, 4), IMAGE),
    ("max pool 1d", nn.MaxPool1d(3, 2), LINE),
    ("max pool 2d", nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), IMAGE),
    ("max pool 3d", nn.MaxPool3d(2), [(1, 2, 4, 4, 2)]),
    ("avg pool 1d", nn.AvgPool1d(2), LINE),
    ("avg pool 2d", nn.AvgPool2d((3, 2), stride=(2, 1), padding=(1, 0), count_include_pad=False), IMAGE),
    ("avg pool 3d", nn.AvgPool3d(2), [(1, 2, 4, 4, 2)]),
    ("adaptive avg pool 1d", nn.AdaptiveAvgPool1d(4), LINE),
    ("adaptive avg pool 2d", nn.AdaptiveAvgPool2d((3, 2)), IMAGE),
    ("adaptive max pool 2d", nn.AdaptiveMaxPool2d(1), IMAGE),
    ("relu", nn.ReLU(), ROWS),
    ("leaky relu", nn.LeakyReLU(0.2), ROWS),
    ("prelu", nn.PReLU(4), ROWS),
    ("relu6", nn.ReLU6(), ROWS),
    ("elu", nn.ELU(0.7), ROWS),
    ("celu", nn.CELU(2.0), ROWS),
    ("selu", nn.SELU(), ROWS),
    ("gelu", nn.GELU(), ROWS),
    ("gelu tanh", nn.GELU("tanh"), ROWS),
    ("silu", nn.SiLU(), ROWS),
    ("mish", nn.Mish(), ROWS),
    ("softplus", nn.Softplus(2, 10), ROWS),
    ("softsign", nn.Softsign(), ROWS),
    ("sigmoid", nn.Sigmoid(), ROWS),
    ("log sigmoid", nn.LogSigmoid(), ROWS),
    ("tanh", nn.Tanh(), ROWS),
    ("hardtanh", nn.Hardtanh(-0.2, 0.3), ROWS),
    ("hardsigmoid", nn.Hardsigmoid(), ROWS),
    ("hardswish", nn.Hardswish(), ROWS),
    ("tanhshrink", nn.Tanhshrink(), ROWS),
    ("softshrink", nn.Softshrink(0.1), ROWS),
    ("hardshrink", nn.Hardshrink(0.1), ROWS),
    ("threshold", nn.Threshold(0.1, 0.9), ROWS),
    ("softmax", nn.Softmax(dim=1), ROWS),
    ("log softmax", nn.LogSoftmax(dim=-1), ROWS),
    ("glu", nn.GLU(), ROWS),
    ("rnn", nn.RNN(4, 3, 2, nonlinearity="relu"), [(5, 2, 4)]),
    ("lstm", nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True), [(2, 5, 4)]),
    ("gru", nn.GRU(4, 3, bias=False), [(5, 2, 4), (1, 2, 3)]),
    ("attention", nn.MultiheadAttention(4, 2, batch_first=True), [(2, 5, 4), (2, 3, 4), (2, 3, 4)]),
    ("attention of other sizes", nn.MultiheadAttention(4, 2, kdim=3, vdim=5), [(5, 2, 4), (3, 2, 3), (3, 2, 5)]),
]


def numbers(tensor):
    return [float(f"{x:.10g}") for x in tensor.detach().double().reshape(-1).tolist()]


def run(name, module, shapes):
    cells = list(module.named_parameters()) + list(module.named_buffers())

    with torch.no_grad():
        for i, (path, cell) in enumerate(cells):
            if cell.is_floating_point():
                cell.copy_(fill(cell.shape, i) + (1 if path == "running_var" else 0))

    inputs = [fill(shape, 10 + i, 1.0).requires_grad_() for i, shape in enumerate(shapes)]
    outputs = module(*inputs)
    output = outputs[0] if isinstance(outputs, tuple) else outputs
    weights = torch.cos(0.3 * torch.arange(output.numel())).reshape(output.shape)
    (output * weights).sum().backward()
    after = {path: numbers(buffer) for path, buffer in module.named_buffers()}
    module.eval()
    evaluated = module(*inputs)
    evaluated = evaluated[0] if isinstance(evaluated, tuple) else evaluated
    return {
        "name": name,
        "text": repr(module),
        "inputs": [list(shape) for shape in shapes],
        "cells": [[path, list(cell.shape)] for path, cell in cells],
        "output": {"shape": list(output.shape), "values": numbers(output)},
        "evaluated": numbers(evaluated),
        "gradients": {path: numbers(p.grad) for path, p in module.named_parameters()},
        "inputGradients": [numbers(x.grad) for x in inputs],
        "buffers": after,
    }


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    rows = ",\n".join(json.dumps(run(*case)) for case in CASES)
    (here / "layers.json").write_text(f"[\n{rows}\n]\n")
