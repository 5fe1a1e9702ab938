// SPDX-License-Identifier: Apache-2.0
// TransferredModel: a model that starts from weights of a file, of which parts are frozen, or learn
// by low-rank adapters (LoRA, Hu et al. 2022, arXiv 2106.09685). Its `tensors` are what is trained
// and what buffers there are beside: nothing else travels, as the rest follows from the job's seed
// and file at every site. Internal to this room, with Torch types. One owner, one thread.
//
// An adapted weight W [out, in] acts as W + (alpha / rank) B A; A, NAME.lora_a [rank, in],
// starts uniform within 1/sqrt(in), B, NAME.lora_b [out, rank], at zero, NAME being that of the
// weight without ".weight".
#pragma once

#include "client/learning/torch_model.h"

namespace tributary {

// `file` is a safetensors file; empty where the job names none. A tensor of it whose name and shape
// the model has is taken; one of another shape is left out where the model trains its own (a new
// head), and an error where it would be frozen. kInvalidArgument: that; a file of which nothing
// fits, or which lacks a weight that is frozen or adapted; a pattern that names no tensor;
// nothing left to train.
Result<TorchModelPtr> transferred(TorchModelPtr model, const JobSpec& job, ByteView file);

}  // namespace tributary
