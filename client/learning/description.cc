// SPDX-License-Identifier: Apache-2.0
#include "client/learning/description.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "client/learning/examples.h"
#include "client/learning/local_tensors.h"
#include "common/base/text.h"

namespace tributary {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

std::string bytes_text(double bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024.0 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024.0;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
  return text.data();
}

// What becomes of a tensor in a round.
std::string fate_of(const JobSpec& job, const std::string& name) {
  const auto named = [&name](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  };
  if (stays_local(job.train, name)) return "stays at the site";
  if (job.transfer.lora && std::ranges::any_of(job.transfer.lora->targets, named))
    return "frozen, with adapters";
  if (std::ranges::any_of(job.transfer.freeze, named)) return "frozen";
  if (name.ends_with("running_mean") || name.ends_with("running_var"))
    return "statistic of the batches";
  return "trained";
}

std::vector<std::int64_t> output_shape_of(const JobSpec& job,
                                          const std::vector<std::int64_t>& input_shape) {
  if (job.data.target == TargetKind::kUnlabelled) return input_shape;
  if (job.data.target == TargetKind::kRegression && !job.data.target_shape.empty())
    return job.data.target_shape;
  std::vector<std::int64_t> shape = {model_outputs(job.data, input_shape)};
  if (labels_places(job.data.target))
    shape.insert(shape.end(), job.data.target_shape.begin(), job.data.target_shape.end());
  return shape;
}

}  // namespace

Result<std::vector<std::int64_t>> input_shape_of(const DataSpec& data) {
  if (!data.input_shape.empty()) return data.input_shape;
  std::int64_t columns = 0;
  std::string open;
  for (const FeatureColumn& feature : data.features) {
    if (feature.kind == FeatureKind::kNumeric) {
      ++columns;
    } else if (feature.vocabulary.empty()) {
      open += (open.empty() ? "" : ", ") + quoted(feature.name);
    } else {
      columns +=
          static_cast<std::int64_t>(feature.vocabulary.size()) - (feature.drop_first ? 1 : 0);
    }
  }
  if (!open.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "how wide an example is depends on words that sites agree on before the "
                      "first round, those of " +
                          open + "; list them as values, or say the shape with --input-shape");
  }
  if (columns == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the job does not say what an example looks like; say it with --input-shape");
  }
  if (data.windows) return std::vector{data.windows->length, columns};
  return std::vector{columns};
}

std::string describe(const JobSpec& job, const Layout& layout,
                     const std::vector<std::int64_t>& input_shape) {
  std::size_t longest = 0, longest_shape = 0;
  for (const TensorInfo& tensor : layout.tensors) {
    longest = std::max(longest, escaped(tensor.name).size());
    longest_shape = std::max(longest_shape, shape_text(tensor.shape).size());
  }
  const auto padded = [](std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
  };
  std::ostringstream out;
  out << "model " << job.model.name << "\n";
  std::size_t all = 0, trained = 0;
  for (const TensorInfo& tensor : layout.tensors) {
    const std::size_t values = element_count(tensor);
    const std::string fate = fate_of(job, tensor.name), count = std::to_string(values);
    all += values;
    if (fate == "trained") trained += values;
    if (fate == "frozen, with adapters" && tensor.shape.size() == 2)
      trained +=
          static_cast<std::size_t>(job.transfer.lora->rank * (tensor.shape[0] + tensor.shape[1]));
    out << "  " << padded(escaped(tensor.name), longest) << "  "
        << padded(shape_text(tensor.shape), longest_shape) << "  "
        << std::string(count.size() < 11 ? 11 - count.size() : 0, ' ') << count << "  " << fate
        << "\n";
  }
  out << "parameters  " << all << " in " << layout.tensors.size() << " tensors, " << trained
      << " of them trained by all sites\n"
      << "bytes       " << all * sizeof(float) << " ("
      << bytes_text(static_cast<double>(all * sizeof(float))) << "), as float32\n"
      << "input       " << shape_text(input_shape) << ", one example\n"
      << "output      " << shape_text(output_shape_of(job, input_shape)) << "\n";
  return out.str();
}

}  // namespace tributary
