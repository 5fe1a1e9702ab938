# SPDX-License-Identifier: Apache-2.0
"""Trains a module of your own over a federation: train.py [--config tributaryctl.yaml] [--ctl tributaryctl]

Scripts the module beside job.yaml if it is not there yet, submits the job, prints each round as it is judged, and loads
the best model. A module is code: each site names its digest in policy.yaml first. --script-only makes it and prints that.
"""

import argparse
import pathlib

import torch

from tributary import Federation, digest, script

FEATURES = 11  # five numbers, and three categories with two words each


class Readmission(torch.nn.Module):
    """Any module will do that torch.jit.script understands: here one with a skip connection and dropout."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.first = torch.nn.Linear(FEATURES, width)
        self.second = torch.nn.Linear(width, width)
        self.dropout = torch.nn.Dropout(0.1)
        self.output = torch.nn.Linear(width, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.first(rows))
        hidden = hidden + self.dropout(torch.relu(self.second(hidden)))
        return self.output(hidden)  # a logit: no sigmoid


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--config", default="tributaryctl.yaml", help="where the coordinator is and who you are")
    options.add_argument("--ctl", default="tributaryctl", help="the program")
    options.add_argument("--folder", default=".", help="for module.pt and model.pt; job.yaml is read from it")
    options.add_argument("--script-only", action="store_true", help="make module.pt and print its digest for policy.yaml")
    chosen = options.parse_args()
    folder = pathlib.Path(chosen.folder)

    torch.manual_seed(1)
    module = Readmission()
    if not (folder / "module.pt").exists():
        script(module, str(folder / "module.pt"), example=torch.zeros(2, FEATURES))
    if chosen.script_only:
        print(digest(folder / "module.pt"))
        return

    federation = Federation(chosen.config, chosen.ctl)
    job = federation.submit(folder / "job.yaml")
    print(f"submitted {job}")
    for row in federation.rounds(job):
        sites = ", ".join(f"{part['site']} {part['auc']:.3f}" for part in row["participants"] if part["auc"])
        print(f"round {row['round']}: loss {row['loss']:.4f}, AUC {row['auc']:.4f} ({sites})")

    weights, metadata = federation.model_file(job, "best")
    module.load_state_dict(weights)
    module.eval()
    torch.save(module.state_dict(), folder / "model.pt")
    print(f"best model: round {metadata['tributary.round']}, in {folder / 'model.pt'}")


if __name__ == "__main__":
    main()
