"""Where PyTorch's optimisers lead: writes optimizers.json beside this file.

    python3 make_optimizers.py

Two parameters in float64, loss sum(a^4) + sum((b - 1)^2), five steps.
"""
import json
import pathlib

import torch
from torch import optim

CASES = {
    "SGD maximize": lambda p: optim.SGD(p, lr=0.01, momentum=0.9, maximize=True),
    "SGD all": lambda p: optim.SGD(p, lr=0.05, momentum=0.8, weight_decay=0.1, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "Adam all": lambda p: optim.Adam(p, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.2),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1, momentum_decay=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.1, betas=(0.7, 0.8), weight_decay=0.1),
    "Adamax": lambda p: optim.Adamax(p, lr=0.1, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.05, alpha=0.9, momentum=0.5, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.5, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.2),
    "Adadelta": lambda p: optim.Adadelta(p, lr=2.0, rho=0.8, eps=1e-4, weight_decay=0.1),
}


def run(make):
    a = torch.tensor([1.0, -0.5, 0.25], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[2.0], [-1.0]], dtype=torch.float64, requires_grad=True)
    optimizer = make([a, b])
    path = []

    for _ in range(5):
        optimizer.zero_grad()
        ((a**4).sum() + ((b - 1) ** 2).sum()).backward()
        optimizer.step()
        path.append([float(f"{x:.12g}") for x in [*a.tolist(), *b.flatten().tolist()]])

    return path


if __name__ == "__main__":
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(run(make))}" for name, make in CASES.items())
    (pathlib.Path(__file__).parent / "optimizers.json").write_text(f"{{\n{rows}\n}}\n")
