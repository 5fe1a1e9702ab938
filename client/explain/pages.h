// SPDX-License-Identifier: Apache-2.0
// The pages of explanations: a site's, with single rows in it, which stays there; and the one of
// several sites, made of sums alone. Plain functions, any thread; they write no file.
#pragma once

#include <string>
#include <vector>

#include "client/explain/importance.h"
#include "client/explain/method.h"
#include "common/base/result.h"

namespace tributary {

struct ExplainedBy {
  const ExplainMethod& method;
  Explanation explanation;
};

struct SiteExplanations {
  const JobSpec& job;
  const ExampleSet& rows;
  std::vector<std::int64_t> wanted;  // the output that was explained, of each row
  std::vector<double> said;          // that output
  std::vector<ExplainedBy> by;
  Importance together;
};
Result<std::string> site_page(const SiteExplanations& site);

struct NamedImportance {
  std::string site;
  Importance importance;
};
// `all`: of the sites together.
Result<std::string> federation_page(const std::vector<NamedImportance>& sites,
                                    const Importance& all);

}  // namespace tributary
