// SPDX-License-Identifier: Apache-2.0
// The bins in which scores are counted, the same at every site. Plain functions, any thread.
//
// A score's bin is the mean of its place on two scales: of its probability, so that the middle is
// fine, and of its logit up to 32 to either side, so that scores of which a model is sure do not
// share one bin. A bin is at most 1/2048 wide in probability, and 1/32 in the logit up to there.
// The bins of a winning class's probability p are equal in the square root of 1 - p: finest where
// models are sure, at most 1/16 wide.
#pragma once

#include <cstddef>

namespace tributary {

std::size_t score_bin(double logit);   // below limits::kScoreBins; rises with the logit
double score_of_bin(std::size_t bin);  // the probability in its middle
std::size_t confidence_bin(double p);  // below limits::kConfidenceBins; rises with p
double confidence_of_bin(std::size_t bin);

}  // namespace tributary
