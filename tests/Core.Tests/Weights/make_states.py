"""State dictionaries by PyTorch, small and of every kind: writes state.pt, legacy.pth and checkpoint.pt beside this file.

    python3 make_states.py

Values are quarters that count up from -1, so that every type has them exactly and the tests know them by formula.
"""
import collections
import pathlib

import torch


def quarters(*shape, dtype=torch.float32):
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) / 4 - 1).reshape(shape).to(dtype)


def whole(*shape, dtype):
    count = torch.Size(shape).numel()
    return torch.arange(count).reshape(shape).to(dtype)


def state():
    memory = quarters(3, 4)
    norm = torch.nn.BatchNorm1d(2).state_dict()
    return collections.OrderedDict(
        [
            ("memory", memory),
            ("tied", memory),
            ("turned", memory.t()),
            ("row", memory[1]),
            ("every other", memory[:, ::2]),
            ("repeated", quarters(3)[1:2].expand(2, 3)),
            ("parameter", torch.nn.Parameter(quarters(2, 2))),
            ("scalar", torch.tensor(0.75)),
            ("empty", torch.zeros(0, 5)),
            ("float64", quarters(3, dtype=torch.float64)),
            ("float16", quarters(5, dtype=torch.float16)),
            ("bfloat16", quarters(5, dtype=torch.bfloat16)),
            ("int64", whole(4, dtype=torch.int64) - 2),
            ("int32", whole(4, dtype=torch.int32) - 2),
            ("int16", whole(4, dtype=torch.int16) - 2),
            ("int8", whole(4, dtype=torch.int8) - 2),
            ("uint8", whole(4, dtype=torch.uint8)),
            ("bool", torch.tensor([True, False, True])),
        ]
        + [(f"norm.{name}", value) for name, value in norm.items()]
    )


here = pathlib.Path(__file__).parent
torch.save(state(), here / "state.pt")
torch.save(state(), here / "legacy.pth", _use_new_zipfile_serialization=False)
module = torch.nn.Linear(2, 1)
module.load_state_dict({"weight": quarters(1, 2), "bias": quarters(1)})
torch.save(
    {"epoch": 3, "loss": 0.5, "state_dict": module.state_dict(), "optimizer": torch.optim.Adam(module.parameters()).state_dict()},
    here / "checkpoint.pt",
)
