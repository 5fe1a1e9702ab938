// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a Gaussian copula (Sklar 1959; for tables of made-up rows Patki et al. 2016),
// in double precision and without Torch. What a model holds are means over rows: of each column the
// share of rows up to each of some knots, and of each pair of columns the product of their normal
// scores. So the mean of the sites' models, weighted by their rows, is the model of all rows
// together. Plain values, any thread. It reads no data by itself, and knows no names of columns.
//
// A column's score is one value for each bin between two knots: the normal quantile of the middle
// of the shares at its ends, by the model that the training started from. Columns of few values, 0
// and 1 among them, have such scores too, whose correlations are smaller than those of the normal
// numbers behind them; which those are follows from the scores' Hermite expansions (as in Cario and
// Nelson 1997).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "client/learning/family.h"
#include "common/base/random_source.h"

namespace tributary {

inline constexpr std::int64_t kCopulaColumnsMax =
    512;  // the eigenvectors of such a matrix: seconds

struct CopulaShape {
  std::int64_t columns = 0;
  std::int64_t knots = 0;
  double range = 0.0;  // knots go from -range to range, closer in the middle

  std::size_t shares() const { return static_cast<std::size_t>(columns * knots); }
  std::size_t pairs() const { return static_cast<std::size_t>(columns * (columns - 1) / 2); }
};

double normal_share(double score);     // of a normal distribution up to `score`
double normal_quantile(double share);  // its inverse, within -8 and 8
std::vector<double> knots_of(const CopulaShape& shape);
// `values` made not falling, by as little as can be (least squares; Barlow et al. 1972), within 0
// and 1.
void make_rising(std::span<double> values);

// The columns by themselves.
class CopulaMarginals {
 public:
  // `shares`: [knots, columns]; noise in them is evened out.
  CopulaMarginals(const CopulaShape& shape, std::span<const float> shares);

  const CopulaShape& shape() const { return shape_; }
  std::size_t bin_of(double value) const;  // 0 to knots: the first whose knot is not below `value`
  double score(std::size_t column, std::size_t bin) const { return scores_[column * bins_ + bin]; }
  // Of the scores over all rows.
  double mean(std::size_t column) const { return mean_[column]; }
  double deviation(std::size_t column) const { return deviation_[column]; }
  double share_up_to(std::size_t column, double value) const;
  // The value that as many rows are below as normal numbers are below `normal`; within the knots.
  double value_at(std::size_t column, double normal) const;
  // Of the score as a function of a normal number: the first so many coefficients by normalised
  // Hermite polynomials, without that of degree 0.
  std::vector<double> hermite(std::size_t column, std::size_t count) const;

  // What one row is a part of the means: shares, then products of pairs (i < j).
  void add_row(std::span<const float> row, std::span<double> sums) const;

 private:
  CopulaShape shape_;
  std::size_t bins_ = 0;
  std::vector<double> knots_;
  std::vector<double> shares_;  // [columns, knots]
  std::vector<double> scores_;  // [columns, bins]
  std::vector<double> mean_, deviation_;
};

// Of the scores: [columns, columns], ones on the diagonal, 0 beside a column of one value.
std::vector<double> score_correlations(const CopulaMarginals& marginals,
                                       std::span<const float> products);

// Rows of a model, of which none is a row of anybody.
class CopulaSampler {
 public:
  // Of the inputs of a group one is 1, all others are 0.
  CopulaSampler(const CopulaMarginals& marginals, std::span<const float> products,
                std::span<const WordGroup> groups);
  void draw(RandomSource& random, std::span<float> row) const;

 private:
  void set_factors(std::vector<double> correlations);
  void balance_words();
  void correct_words(std::vector<double> wanted, const std::vector<double>& scores);
  std::vector<double> sampled_correlations() const;
  void draw_normal(RandomSource& random, std::span<double> normal) const;
  std::size_t word_of(const WordGroup& group, std::span<const double> normal) const;

  CopulaMarginals marginals_;
  std::vector<WordGroup> groups_;
  std::vector<double> factors_;  // [columns, columns]: normal numbers to correlated ones
  std::vector<double> lead_;     // of each word over the others
};

// What each column of a row would be by all its other columns: [columns] in, [columns] out.
class CopulaExpectation {
 public:
  CopulaExpectation(const CopulaMarginals& marginals, std::span<const float> products);
  void of(std::span<const float> row, std::span<float> expected) const;

 private:
  CopulaMarginals marginals_;
  std::vector<double> precision_;  // [columns, columns]
};

}  // namespace tributary
