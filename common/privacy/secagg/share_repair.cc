// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/share_repair.h"

#include <algorithm>
#include <optional>

#include "common/privacy/secagg/field.h"

namespace tributary {
namespace {

using Polynomial = std::vector<std::uint64_t>;  // coefficients, the lowest first

std::uint64_t value_at(const Polynomial& polynomial, std::uint64_t x) {
  std::uint64_t value = 0;
  for (auto one = polynomial.rbegin(); one != polynomial.rend(); ++one)
    value = field::add(field::multiply(value, x), *one);
  return value;
}

// Rows of equations, the right side last; unknowns that are not determined are 0. None: no answer.
std::optional<Polynomial> solve(std::vector<Polynomial> rows, std::size_t unknowns) {
  std::vector<std::size_t> row_of(unknowns, rows.size());
  std::size_t done = 0;
  for (std::size_t column = 0; column < unknowns && done < rows.size(); ++column) {
    const auto pivot = std::find_if(rows.begin() + static_cast<std::ptrdiff_t>(done), rows.end(),
                                    [column](const Polynomial& row) { return row[column] != 0; });
    if (pivot == rows.end()) continue;
    std::iter_swap(rows.begin() + static_cast<std::ptrdiff_t>(done), pivot);
    Polynomial& chosen = rows[done];
    const std::uint64_t scale = field::inverse(chosen[column]);
    for (std::uint64_t& value : chosen) value = field::multiply(value, scale);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint64_t factor = rows[i][column];
      if (i == done || factor == 0) continue;
      for (std::size_t k = column; k <= unknowns; ++k)
        rows[i][k] = field::subtract(rows[i][k], field::multiply(factor, chosen[k]));
    }
    row_of[column] = done++;
  }
  for (std::size_t i = done; i < rows.size(); ++i) {
    if (rows[i][unknowns] != 0) return std::nullopt;
  }
  Polynomial answer(unknowns, 0);
  for (std::size_t column = 0; column < unknowns; ++column) {
    if (row_of[column] < rows.size()) answer[column] = rows[row_of[column]][unknowns];
  }
  return answer;
}

// The quotient; none: there is a remainder.
std::optional<Polynomial> divide(Polynomial above, const Polynomial& below) {
  if (above.size() < below.size()) return std::nullopt;
  Polynomial quotient(above.size() - below.size() + 1, 0);
  for (std::size_t i = quotient.size(); i-- > 0;) {
    const std::uint64_t factor = above[i + below.size() - 1];  // `below` is monic
    quotient[i] = factor;
    for (std::size_t k = 0; k < below.size(); ++k)
      above[i + k] = field::subtract(above[i + k], field::multiply(factor, below[k]));
  }
  if (std::ranges::any_of(above, [](std::uint64_t rest) { return rest != 0; })) return std::nullopt;
  return quotient;
}

// The polynomial below degree `threshold` on which all but (shares - threshold) / 2 of the values
// lie: Q(x) = value * E(x) for each share, where E is 0 at the wrong ones.
std::optional<Polynomial> polynomial_through(std::span<const Share> shares, std::size_t chunk,
                                             std::size_t threshold) {
  const std::size_t errors = (shares.size() - threshold) / 2;
  const std::size_t of_q = threshold + errors, unknowns = of_q + errors;
  std::vector<Polynomial> rows;
  for (const Share& share : shares) {
    Polynomial row;
    std::uint64_t power = 1;
    for (std::size_t k = 0; k < of_q; ++k) {
      row.push_back(power);
      power = field::multiply(power, share.point);
    }
    std::uint64_t product = share.values[chunk];
    for (std::size_t k = 0; k < errors; ++k) {
      row.push_back(field::subtract(0, product));
      product = field::multiply(product, share.point);
    }
    row.push_back(product);
    rows.push_back(std::move(row));
  }
  const auto answer = solve(std::move(rows), unknowns);
  if (!answer) return std::nullopt;
  const auto middle = answer->begin() + static_cast<std::ptrdiff_t>(of_q);
  Polynomial locator(middle, answer->end());
  locator.push_back(1);
  return divide(Polynomial(answer->begin(), middle), locator);
}

// As they should be. None: no polynomial explains enough of them.
std::optional<std::vector<Share>> repaired(std::span<const Share> shares, std::size_t threshold) {
  std::vector<Share> right(shares.begin(), shares.end());
  for (std::size_t chunk = 0; chunk < right[0].values.size(); ++chunk) {
    const auto polynomial = polynomial_through(shares, chunk, threshold);
    if (!polynomial) return std::nullopt;
    for (Share& share : right) share.values[chunk] = value_at(*polynomial, share.point);
  }
  return right;
}

}  // namespace

Result<RecoveredSecret> recover_secret(std::span<const Share> shares, std::size_t threshold,
                                       const std::function<bool(const SecretKey&)>& fits) {
  if (threshold == 0 || shares.size() < threshold) {
    return make_error(ErrorCode::kInvalidArgument, std::to_string(shares.size()) + " shares, and " +
                                                       std::to_string(threshold) + " are needed");
  }
  const auto joined = join_shares(shares.first(threshold));
  if (joined && fits(*joined)) return RecoveredSecret{*joined, {}};
  if (!joined && joined.error().code == ErrorCode::kInvalidArgument) return joined.error();
  const auto right = repaired(shares, threshold);
  if (right) {
    const auto secret = join_shares(std::span(*right).first(threshold));
    if (secret && fits(*secret)) {
      RecoveredSecret recovered{*secret, {}};
      for (std::size_t i = 0; i < shares.size(); ++i) {
        if ((*right)[i].values != shares[i].values) recovered.wrong.push_back(shares[i].point);
      }
      return recovered;
    }
  }
  return make_error(ErrorCode::kDataLoss,
                    "too many of the shares are wrong, or their owner shared another secret");
}

}  // namespace tributary
