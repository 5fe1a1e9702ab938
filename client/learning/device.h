// SPDX-License-Identifier: Apache-2.0
// On what a model is computed: the processor, or a graphics card by CUDA. Plain functions, any
// thread. No Torch in this header.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

enum class Device { kCpu, kCuda };
std::string_view device_name(Device device);  // cpu | cuda

// What `device` of client.yaml comes to on this machine: auto | cpu | cuda. auto is cuda where
// there is a card and LibTorch was built for it. kFailedPrecondition: cuda where there is none.
Result<Device> choose_device(std::string_view wanted);

// What a job is computed on where the site would use `device`. A module that came with a job stays
// on the processor: the process that confines it may open no device. So does a training under
// privacy.records: its gradients of rows are made in double precision there.
Device device_for(const JobSpec& job, Device device);

}  // namespace tributary
