// SPDX-License-Identifier: Apache-2.0
#include "client/learning/device.h"

#include <ATen/Context.h>

namespace tributary {

std::string_view device_name(Device device) { return device == Device::kCuda ? "cuda" : "cpu"; }

Result<Device> choose_device(std::string_view wanted) {
  if (wanted == "cpu") return Device::kCpu;
  if (at::globalContext().hasCUDA()) return Device::kCuda;
  if (wanted != "cuda") return Device::kCpu;
  return make_error(ErrorCode::kFailedPrecondition,
                    "device: cuda is not there: this machine has no card that CUDA finds, or its "
                    "LibTorch was built without CUDA; write device: auto");
}

Device device_for(const JobSpec& job, Device device) {
  const bool stays = job.model.name == "torchscript" || job.privacy.records;
  return stays ? Device::kCpu : device;
}

}  // namespace tributary
