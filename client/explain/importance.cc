// SPDX-License-Identifier: Apache-2.0
#include "client/explain/importance.h"

#include <algorithm>
#include <cmath>

#include "common/base/bytes.h"
#include "common/crypto/strict_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFormat = "tributary.explanation/1";
constexpr std::uint64_t kRowsMost = 1ull << 40;
constexpr double kValueMost = 1e100;  // sums over sites stay finite

Error wrong(const std::string& what) {
  return make_error(ErrorCode::kInvalidArgument, "is no explanation: " + what);
}

Result<std::string> text_of(const Json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_string())
    return wrong("'" + std::string(key) + "' is no text");
  return found->get<std::string>();
}

Result<std::uint64_t> count_of(const Json& from, const char* key, std::uint64_t most) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > most) {
    return wrong("'" + std::string(key) + "' is no whole number up to " + std::to_string(most));
  }
  return found->get<std::uint64_t>();
}

Result<std::vector<double>> numbers_of(const Json& from, const char* key, std::size_t count) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_array() || found->size() != count)
    return wrong("'" + std::string(key) + "' has not one number for each feature");
  std::vector<double> numbers;
  for (const Json& one : *found) {
    if (!one.is_number() || !(std::abs(one.get<double>()) <= kValueMost))
      return wrong("'" + std::string(key) + "' has a value that is no number up to 1e100");
    numbers.push_back(one.get<double>());
  }
  return numbers;
}

Result<Features> parse_features(const Json& from) {
  Features features;
  if (from.contains("picture")) {
    const Json& size = from.at("picture");
    if (!size.is_object()) return wrong("'picture' has no height and width");
    TRIB_TRY(height, count_of(size, "height", kImportanceFeaturesMax));
    TRIB_TRY(width, count_of(size, "width", kImportanceFeaturesMax));
    features.height = static_cast<std::int64_t>(height);
    features.width = static_cast<std::int64_t>(width);
    features.count = height * width;
  } else {
    const auto names = from.find("features");
    if (names == from.end() || !names->is_array()) return wrong("it names no features");
    for (const Json& name : *names) {
      if (!name.is_string()) return wrong("a feature's name is no text");
      features.names.push_back(name.get<std::string>());
    }
    features.count = features.names.size();
  }
  if (features.count == 0 || features.count > kImportanceFeaturesMax)
    return wrong("it has " + std::to_string(features.count) + " features");
  return features;
}

// A sum of so many values cannot be larger than their squares allow (Cauchy and Schwarz).
Result<MethodImportance> parse_method(const Json& from, std::size_t features, std::uint64_t rows) {
  if (!from.is_object()) return wrong("a method has no sums");
  MethodImportance method;
  TRIB_TRY(unit, text_of(from, "unit"));
  TRIB_TRY(sums, numbers_of(from, "sums", features));
  TRIB_TRY(squares, numbers_of(from, "squares", features));
  for (std::size_t i = 0; i < features; ++i) {
    const double most = std::sqrt(std::max(squares[i], 0.0) * static_cast<double>(rows));
    if (squares[i] < 0.0 || std::abs(sums[i]) > most * (1.0 + 1e-9) + 1e-12)
      return wrong("its sums do not fit the sums of its squares");
  }
  return MethodImportance{std::move(unit), std::move(sums), std::move(squares)};
}

bool alike(const Importance& a, const Importance& b) {
  const Features &one = a.features, &other = b.features;
  if (one.names != other.names || one.height != other.height || one.width != other.width)
    return false;
  return std::ranges::equal(a.methods, b.methods, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.unit == y.second.unit;
  });
}

}  // namespace

double Importance::mean(const MethodImportance& method, std::size_t feature) const {
  return method.sums[feature] / static_cast<double>(rows);
}

double Importance::spread(const MethodImportance& method, std::size_t feature) const {
  const double middle = mean(method, feature);
  const double square = method.squares[feature] / static_cast<double>(rows);
  return std::sqrt(std::max(0.0, square - middle * middle));
}

MethodImportance importance_of(const ExplainMethod& method, const Explanation& explanation,
                               std::size_t features, std::uint64_t rows) {
  MethodImportance all{std::string(method.unit), std::vector<double>(features, 0.0),
                       std::vector<double>(features, 0.0)};
  // What is over all rows counts for as many, so that sites weigh by their rows.
  const double weight = static_cast<double>(rows) / static_cast<double>(explanation.entries);
  for (std::size_t i = 0; i < explanation.values.size(); ++i) {
    const double value = explanation.values[i];
    all.sums[i % features] += weight * (method.of_rows ? std::abs(value) : value);
    all.squares[i % features] += weight * value * value;
  }
  return all;
}

Result<std::string> importance_json(const Importance& importance, std::uint64_t rows_min) {
  if (importance.rows < rows_min) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "sums over " + std::to_string(importance.rows) +
                          " rows would tell of each of them; at least " + std::to_string(rows_min) +
                          " are added up");
  }
  if (importance.features.count > kImportanceFeaturesMax) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "sums are written of up to " + std::to_string(kImportanceFeaturesMax) +
                          " features, and there are " + std::to_string(importance.features.count));
  }
  Json json = {{"format", kFormat},
               {"job", importance.job},
               {"model", importance.model},
               {"rows", importance.rows}};
  if (importance.features.pictures()) {
    json["picture"] = {{"height", importance.features.height},
                       {"width", importance.features.width}};
  } else {
    json["features"] = importance.features.names;
  }
  for (const auto& [name, method] : importance.methods) {
    json["methods"][name] = {
        {"unit", method.unit}, {"sums", method.sums}, {"squares", method.squares}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Importance> parse_importance(std::string_view text) {
  TRIB_TRY(json, parse_strict_object(text, kImportanceBytesMax));
  TRIB_TRY(format, text_of(json, "format"));
  if (format != kFormat) return wrong("its format is not " + std::string(kFormat));
  Importance read;
  TRIB_TRY(job, text_of(json, "job"));
  TRIB_TRY(model, text_of(json, "model"));
  TRIB_TRY(digest, digest_from_hex(model));
  TRIB_TRY(rows, count_of(json, "rows", kRowsMost));
  if (rows < kImportanceRowsMin)
    return wrong("it is of fewer than " + std::to_string(kImportanceRowsMin) + " rows");
  read.job = std::move(job);
  read.model = digest.hex();
  read.rows = rows;
  TRIB_TRY(features, parse_features(json));
  read.features = std::move(features);
  const auto methods = json.find("methods");
  if (methods == json.end() || !methods->is_object() || methods->empty() ||
      methods->size() > kImportanceMethodsMax)
    return wrong("it has no methods, or too many");
  for (const auto& [name, of] : methods->items()) {
    TRIB_TRY(method, parse_method(of, read.features.count, rows));
    read.methods[name] = std::move(method);
  }
  return read;
}

Result<Importance> join_importance(const std::vector<Importance>& sites) {
  if (sites.empty()) return make_error(ErrorCode::kInvalidArgument, "there is nothing to join");
  Importance all = sites[0];
  for (std::size_t s = 1; s < sites.size(); ++s) {
    const Importance& site = sites[s];
    if (site.model != all.model || site.job != all.job)
      return make_error(ErrorCode::kInvalidArgument, "explains another model than the first");
    if (!alike(site, all)) {
      return make_error(ErrorCode::kInvalidArgument,
                        "has other features or methods than the first");
    }
    all.rows += site.rows;
    for (auto& [name, method] : all.methods) {
      const MethodImportance& more = site.methods.at(name);
      for (std::size_t i = 0; i < method.sums.size(); ++i) {
        method.sums[i] += more.sums[i];
        method.squares[i] += more.squares[i];
      }
    }
  }
  return all;
}

}  // namespace tributary
