# SPDX-License-Identifier: Apache-2.0
"""A federation from Python: script a module, submit a job, follow its rounds, load the model.

One file; copy it beside your own. It needs torch and the program tributaryctl, which is the client of the
coordinator's API: it holds your certificate, and everything here goes through it. Federation.job(...) and the
others give what `tributaryctl --json` prints; the keys are in deploy/reference.

    federation = Federation("tributaryctl.yaml")
    script(MyModule(), "module.pt", example=torch.zeros(2, 13))
    job = federation.submit("job.yaml")
    for round in federation.rounds(job):
        print(round["round"], round["loss"], round["accuracy"])
    module.load_state_dict(federation.model(job, "best"))
"""

import hashlib
import json
import os
import struct
import subprocess
import tempfile
import time

import torch

__all__ = ["Failed", "Federation", "digest", "read_safetensors", "script"]

_TYPES = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16,
          "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8}


class Failed(RuntimeError):
    """What tributaryctl said on stderr, or why a job came to no good end."""


def script(module, path, example):
    """Saves a torch.nn.Module as the file that `model: {family: torchscript, file: ...}` names.

    `example` is a batch of at least two rows as the job's data will be, float32. It goes through the scripted
    module forwards and backwards here, so that what cannot be trained is found before it is sent.
    """
    scripted = torch.jit.script(module)
    outputs = scripted(example)
    if outputs.shape[0] != example.shape[0]:
        raise ValueError(f"the module makes {outputs.shape[0]} rows of {example.shape[0]}")
    outputs.sum().backward()
    without = [name for name, weight in scripted.named_parameters() if weight.requires_grad and weight.grad is None]
    if without:
        raise ValueError(f"no gradient reaches {', '.join(without)}")
    scripted.zero_grad()
    scripted.save(path)
    return scripted


def digest(path):
    """What a site names under `torchscript` in its policy.yaml to let this module in: it is code of yours."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_safetensors(path):
    """The tensors of a safetensors file by name, and its metadata."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(body, dtype=torch.uint8)[begin:end].clone()
        tensors[name] = values.view(_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


class Federation:
    """One coordinator, as the operator that tributaryctl.yaml names. No state but paths; any thread."""

    def __init__(self, config="tributaryctl.yaml", program="tributaryctl"):
        self.config = os.fspath(config)
        self.program = os.fspath(program)

    def call(self, *words):
        """What `tributaryctl WORDS` prints. Failed with its own message where it does not end well."""
        done = subprocess.run([self.program, "--config", self.config, *map(os.fspath, words)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(done.stderr.strip() or f"{self.program} ended with status {done.returncode}")
        return done.stdout

    def check(self, job_file):
        """Failed, with line and reason, where the file has a fault."""
        self.call("job", "check", job_file)

    def submit(self, job_file, token=None):
        """The id of the new job. The same file with the same token is the same job: safe to repeat."""
        extra = ["--token", token] if token else []
        return self.call("job", "submit", job_file, *extra).split()[-1]

    def job(self, job):
        """{"summary", "rounds", "ledger"}: the job, its rounds, and each site's part in them."""
        return json.loads(self.call("job", "show", job, "--json"))

    def rounds(self, job, every=1.0):
        """Each round as soon as it is judged, until the job is over; Failed where it did not finish.

        A round is what `evaluate` made of it: figures over all sites, and those of each site in "participants".
        """
        told = 0
        while True:
            now = self.job(job)
            summary = now["summary"]
            judged = {row["round"]: row for row in now["rounds"]
                      if row["task"] == "evaluate" and row["loss"] is not None}
            for number in sorted(judged):
                if number > told:
                    told = number
                    yield judged[number]
            if summary["state"] == "finished":
                return
            if summary["state"] in ("failed", "aborted"):
                raise Failed(f"job {job} {summary['state']}: {summary['detail']}")
            time.sleep(every)

    def model(self, job, round="last"):
        """The state_dict of a round's global model: "best", "last" or a number."""
        return self.model_file(job, round)[0]

    def model_file(self, job, round="last"):
        """The same with the file's metadata: inputs in order, meaning of outputs, job and round."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.safetensors")
            self.call("model", "get", job, "--round", str(round), "--out", path)
            return read_safetensors(path)
