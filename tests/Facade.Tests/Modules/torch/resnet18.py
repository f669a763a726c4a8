"""PyTorch's side of a ResNet-18 that goes there and back, under torchvision's names; needs PyTorch alone.

    python3 resnet18.py write FOLDER    # resnet18.pt, resnet18.pth (of before 1.6), and pass.pt: an input and its outputs
    python3 resnet18.py compare FOLDER  # whether ours.safetensors has the values of resnet18.pt
"""
import json
import math
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F

CLASSES = 10
STAGES = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]


def convolution(state, name, inputs, outputs, size):
    scale = math.sqrt(2 / (outputs * size * size))
    state[name + ".weight"] = scale * torch.randn(outputs, inputs, size, size)


def norm(state, name, channels):
    state[name + ".weight"] = 0.5 + torch.rand(channels)
    state[name + ".bias"] = 0.2 * torch.randn(channels)
    state[name + ".running_mean"] = 0.2 * torch.randn(channels)
    state[name + ".running_var"] = 0.5 + torch.rand(channels)
    state[name + ".num_batches_tracked"] = torch.tensor(7)


def blocks():
    for i, (inputs, outputs, stride) in enumerate(STAGES):
        yield f"layer{i + 1}.0", inputs, outputs, stride
        yield f"layer{i + 1}.1", outputs, outputs, 1


def weights():
    state = {}
    convolution(state, "conv1", 3, 64, 7)
    norm(state, "bn1", 64)
    for name, inputs, outputs, stride in blocks():
        convolution(state, name + ".conv1", inputs, outputs, 3)
        norm(state, name + ".bn1", outputs)
        convolution(state, name + ".conv2", outputs, outputs, 3)
        norm(state, name + ".bn2", outputs)
        if stride > 1:
            convolution(state, name + ".downsample.0", inputs, outputs, 1)
            norm(state, name + ".downsample.1", outputs)
    state["fc.weight"] = torch.randn(CLASSES, 512) / math.sqrt(512)
    state["fc.bias"] = 0.1 * torch.randn(CLASSES)
    return state


def forward(state, x):
    def conv(name, x, stride, padding):
        return F.conv2d(x, state[name + ".weight"], stride=stride, padding=padding)

    def bn(name, x):
        of = {part: state[f"{name}.{part}"] for part in ["running_mean", "running_var", "weight", "bias"]}
        return F.batch_norm(x, of["running_mean"], of["running_var"], of["weight"], of["bias"], eps=1e-5)

    x = F.max_pool2d(F.relu(bn("bn1", conv("conv1", x, 2, 3))), 3, stride=2, padding=1)
    for name, _, _, stride in blocks():
        y = F.relu(bn(name + ".bn1", conv(name + ".conv1", x, stride, 1)))
        y = bn(name + ".bn2", conv(name + ".conv2", y, 1, 1))
        if stride > 1:
            x = bn(name + ".downsample.1", conv(name + ".downsample.0", x, stride, 0))
        x = F.relu(x + y)
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def write(folder):
    torch.manual_seed(18)
    state = weights()
    x = torch.randn(2, 3, 64, 64)
    torch.save(state, folder / "resnet18.pt")
    torch.save(state, folder / "resnet18.pth", _use_new_zipfile_serialization=False)
    torch.save({"input": x, "output": forward(state, x)}, folder / "pass.pt")


def safetensors(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            dtype = {"F32": torch.float32, "I64": torch.int64}[entry["dtype"]]
            yield name, torch.frombuffer(bytearray(data[begin:end]), dtype=dtype).reshape(entry["shape"])


def compare(folder):
    ours = dict(safetensors(folder / "ours.safetensors"))
    theirs = torch.load(folder / "resnet18.pt")
    same = [name for name in theirs if name in ours and torch.equal(ours[name], theirs[name].to(ours[name].dtype))]
    print(f"{len(same)} of {len(theirs)} equal, {len(ours)} here")
    return len(same) == len(theirs) == len(ours)


what, where = sys.argv[1], pathlib.Path(sys.argv[2])
if what == "write":
    write(where)
elif not compare(where):
    sys.exit(1)
