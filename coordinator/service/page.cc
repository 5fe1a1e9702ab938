// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/page.h"

namespace tributary {

std::size_t bytes_of(const SiteRow& row) {
  std::size_t bytes = 64 + row.site.value.size() + row.doing.size() + row.address.size() +
                      row.software.size() + row.kept_out.size() + row.why.size();
  for (const std::string& dataset : row.datasets) bytes += 8 + dataset.size();
  return bytes;
}

std::size_t bytes_of(const JobSummary& row) {
  return 256 + row.job.value.size() + row.name.size() + row.state.size() + row.detail.size();
}

std::size_t bytes_of(const EnrolmentRow& row) {
  return 256 + row.site.value.size() + row.request.size() + row.address.size() + row.why.size();
}

}  // namespace tributary
