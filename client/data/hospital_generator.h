// SPDX-License-Identifier: Apache-2.0
// Invented hospital data for trying the system out: a tabular risk set, each site with its own case
// mix (age, severity, size), the same on every machine for a seed. A plain function, any thread.
// The persons do not exist.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary {

struct HospitalFile {
  std::string site;  // "hospital-1" ...
  std::string csv;   // header, then one patient a line; label column "readmitted"
};

// `rows`: of the largest site; the others have down to a third of it.
std::vector<HospitalFile> generate_hospitals(std::size_t sites, std::size_t rows,
                                             std::uint64_t seed);

}  // namespace tributary
